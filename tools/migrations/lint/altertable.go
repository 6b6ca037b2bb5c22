package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"
)

// alter looks at one ALTER TABLE, action by action.
func (l *linter) alter(s *grammar.AlterTableStmt) {
	if s.Kind != "OBJECT_TABLE" && s.Kind != "OBJECT_FOREIGN_TABLE" {
		l.alterOther(s)
		return
	}
	t := l.known.table(&s.Relation)
	before := l.locks
	if slices.ContainsFunc(s.Commands, func(n grammar.Node) bool {
		return n.AlterTableCmd != nil && n.AlterTableCmd.Kind != "AT_ValidateConstraint"
	}) {
		// The statement has the strongest lock that one of its actions needs.
		before = &lockedBy{l.line, key(s.Relation.Names())}
	}
	for _, node := range s.Commands {
		if node.AlterTableCmd == nil {
			continue
		}
		a := alteration{linter: l, name: key(s.Relation.Names()), table: t, command: node.AlterTableCmd}
		if node.AlterTableCmd.Def != nil {
			a.column, a.constraint = node.AlterTableCmd.Def.ColumnDef, node.AlterTableCmd.Def.Constraint
		}
		a.check(before)
		a.apply()
		if !a.table.made && node.AlterTableCmd.Kind != "AT_ValidateConstraint" {
			l.lock(&s.Relation)
		}
	}
}

// alterOther looks at what is altered in the manner of a table: types, views.
func (l *linter) alterOther(s *grammar.AlterTableStmt) {
	for _, node := range s.Commands {
		if node.AlterTableCmd == nil {
			continue
		}
		switch node.AlterTableCmd.Kind {
		case "AT_DropColumn":
			l.takesAway("ATTRIBUTE", append(s.Relation.Names(), node.AlterTableCmd.Name), "drops")
		case "AT_SetTableSpace":
			l.rewrites(key(s.Relation.Names()), "SET TABLESPACE")
		}
	}
}

// alteration is one action of an ALTER TABLE.
type alteration struct {
	*linter
	name       string
	table      *table
	command    *grammar.AlterTableCmd
	column     *grammar.ColumnDef
	constraint *grammar.Constraint
}

func (a *alteration) check(before *lockedBy) {
	if a.command.Kind == "AT_DetachPartition" && a.command.Def.PartitionCmd != nil && a.command.Def.PartitionCmd.Concurrent {
		a.needsNoTransaction("DETACH PARTITION CONCURRENTLY")
	}
	if a.table.made {
		// Nobody else can see it.
		return
	}
	switch a.command.Kind {
	case "AT_AddColumn":
		a.addColumn()
	case "AT_DropColumn":
		if c := a.table.columns[a.command.Name]; c == nil || !c.made {
			a.takesAway("COLUMN", []string{a.name, a.command.Name}, "drops")
		}
	case "AT_AlterColumnType":
		a.columnType()
	case "AT_SetNotNull":
		a.setNotNull()
	case "AT_AddConstraint":
		a.addConstraint(a.constraint, "")
	case "AT_ValidateConstraint":
		a.validate(before)
	case "AT_SetTableSpace":
		a.rewrites(a.name, "SET TABLESPACE")
	case "AT_SetLogged", "AT_SetUnLogged":
		a.rewrites(a.name, "SET LOGGED or UNLOGGED")
	case "AT_SetAccessMethod":
		a.rewrites(a.name, "SET ACCESS METHOD")
	case "AT_SetExpression":
		a.rewrites(a.name, "SET EXPRESSION")
	}
}

// apply notes what the action changes.
func (a *alteration) apply() {
	t := a.table
	switch a.command.Kind {
	case "AT_AddColumn":
		if a.column != nil {
			t.addColumn(a.column)
		}
	case "AT_DropColumn":
		delete(t.columns, a.command.Name)
	case "AT_AlterColumnType":
		if a.column != nil {
			t.column(a.command.Name).kind = typeOf(a.column.Type)
		}
	case "AT_SetNotNull":
		t.column(a.command.Name).notNull = true
	case "AT_DropNotNull":
		t.column(a.command.Name).notNull = false
	case "AT_AddConstraint":
		if a.constraint != nil {
			t.addConstraint(a.constraint)
		}
	case "AT_ValidateConstraint":
		if c := t.constraints[a.command.Name]; c != nil {
			c.validated = true
		}
	case "AT_DropConstraint":
		delete(t.constraints, a.command.Name)
	}
}

func (a *alteration) addColumn() {
	def := a.column
	if def == nil {
		return
	}
	a.expands("adds the column", a.name+"."+def.Name)
	kind := typeOf(def.Type)
	why, hasDefault, notNull := "", false, false
	instead := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s; ", a.name, def.Name, plainType(kind))
	counted := fmt.Sprintf("CREATE SEQUENCE %s_%s_seq OWNED BY %[1]s.%[2]s; ALTER TABLE %[1]s ALTER COLUMN %[2]s SET DEFAULT nextval('%[1]s_%[2]s_seq') for new rows, and fill the old rows in batches", a.name, def.Name)
	later := ""
	for _, node := range def.Constraints {
		c := node.Constraint
		if c == nil {
			continue
		}
		switch c.Kind {
		case "CONSTR_NOTNULL", "CONSTR_PRIMARY":
			notNull = true
		case "CONSTR_IDENTITY":
			why, later = "an identity column", counted
		case "CONSTR_GENERATED":
			why, later = "a stored generated column", "let the servers or a trigger write it, and fill the old rows in batches"
		case "CONSTR_DEFAULT":
			hasDefault = c.Expr == nil || c.Expr.Const == nil || !c.Expr.Const.Null
			if name := volatileCall(c.Expr); name != "" {
				why = fmt.Sprintf("a column whose default calls %s, which may give each row another value,", name)
				later = fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s(...) for new rows, and fill the old rows in batches", a.name, def.Name, name)
			}
		}
	}
	switch {
	case isSerial(kind.name):
		why, later = "a serial column", counted
	case a.known.domains[kind.name]:
		why = fmt.Sprintf("a column of the domain %s, which has constraints,", kind.name)
		instead = fmt.Sprintf("give %s the type that is below the domain, with ALTER TABLE %s ADD CONSTRAINT %[2]s_%[1]s_check CHECK (...) NOT VALID, and ", def.Name, a.name)
		later = "VALIDATE CONSTRAINT in the next file"
	}
	switch {
	case why != "":
		a.report(ruleAddColumnRewrites, fmt.Sprintf("adding %s makes PostgreSQL write all of %s anew, while nobody can read or write it", why, a.name), instead+later)
	case notNull && !hasDefault:
		a.report(ruleAddColumnNotNull, fmt.Sprintf("a column that is NOT NULL without a default fails when %s has rows, and the servers that run meanwhile can no longer insert, as they do not know %s", a.name, def.Name),
			fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s NOT NULL DEFAULT a constant, or without NOT NULL, which comes in a later release", a.name, def.Name, plainType(kind)))
	}
	for _, node := range def.Constraints {
		c := node.Constraint
		// A reference in a column that is null in all rows needs no look at them.
		if c == nil || c.Kind == "CONSTR_FOREIGN" && !hasDefault {
			continue
		}
		a.addConstraint(c, def.Name)
	}
}

// plainType is what a column of a serial type holds, and other types as they are.
func plainType(c columnType) string {
	switch c.name {
	case "serial", "serial4":
		return "integer"
	case "bigserial", "serial8":
		return "bigint"
	case "smallserial", "serial2":
		return "smallint"
	}
	return c.String()
}

func (a *alteration) columnType() {
	def, name := a.column, a.command.Name
	if def == nil {
		return
	}
	var old columnType
	if c := a.table.columns[name]; c != nil {
		old = c.kind
	}
	to := typeOf(def.Type)
	plain := def.Using == nil || columnName(&def.Using.Node) == name
	if old.keeps(to) && plain && def.Collation == nil {
		return
	}
	from := "from " + old.String()
	if old.name == "" {
		from = "from a type that no earlier file says"
	}
	a.report(ruleColumnTypeRewrites, fmt.Sprintf("changing %s.%s %s to %s makes PostgreSQL write all of %[1]s and its indexes anew, while nobody can read or write it", a.name, name, from, to),
		fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s_new %s; write both from the servers, fill old rows in batches, and drop %[2]s in a contract step", a.name, name, plainType(to)))
}

func (a *alteration) setNotNull() {
	name := a.command.Name
	if a.table.provenNotNull(name) {
		return
	}
	a.report(ruleSetNotNullScans, fmt.Sprintf("SET NOT NULL reads all of %s, while nobody else can read or write it", a.name),
		fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s_not_null CHECK (%[2]s IS NOT NULL) NOT VALID; in the next file ALTER TABLE %[1]s VALIDATE CONSTRAINT %[2]s_not_null; "+
			"then ALTER TABLE %[1]s ALTER COLUMN %[2]s SET NOT NULL reads nothing", a.name, name))
}

// suffixes are those of the names that PostgreSQL gives to constraints.
var suffixes = map[string]string{"CONSTR_CHECK": "check", "CONSTR_FOREIGN": "fkey", "CONSTR_UNIQUE": "key", "CONSTR_PRIMARY": "pkey"}

// addConstraint looks at a constraint of a table, or of a column that is added.
func (a *alteration) addConstraint(c *grammar.Constraint, column string) {
	if c == nil {
		return
	}
	keys := grammar.Names(append(slices.Clone(c.Keys), c.ForeignKeys...))
	first := ""
	if column != "" {
		keys = []string{column}
		first = fmt.Sprintf("add the column %s alone first; ", column)
	}
	name := c.Name
	if name == "" {
		// As PostgreSQL would call it.
		parts := append([]string{a.name}, keys...)
		if c.Kind == "CONSTR_PRIMARY" {
			parts = parts[:1]
		}
		name = strings.Join(append(parts, suffixes[c.Kind]), "_")
	}
	switch c.Kind {
	case "CONSTR_CHECK", "CONSTR_FOREIGN":
		if c.SkipValidation {
			return
		}
		what, who, definition := "a CHECK constraint reads", fmt.Sprintf("nobody else can read or write %s", a.name), "CHECK (...)"
		if c.Kind == "CONSTR_FOREIGN" {
			what = "a FOREIGN KEY constraint reads"
			definition = fmt.Sprintf("FOREIGN KEY (%s) REFERENCES ...", strings.Join(keys, ", "))
			who = fmt.Sprintf("nobody can write to %s", a.name)
			if c.References != nil {
				who += " or " + key(c.References.Names())
			}
		}
		a.report(ruleConstraintScans, fmt.Sprintf("%s all of %s, while %s", what, a.name, who),
			first+fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID, and in the next file ALTER TABLE %[1]s VALIDATE CONSTRAINT %[2]s", a.name, name, definition))
	case "CONSTR_UNIQUE", "CONSTR_PRIMARY":
		if c.Index != "" {
			return
		}
		kind := "UNIQUE"
		if c.Kind == "CONSTR_PRIMARY" {
			kind = "PRIMARY KEY"
		}
		a.report(ruleConstraintBuildsIndex, fmt.Sprintf("%s builds its index while nobody else can read or write %s", kind, a.name),
			first+fmt.Sprintf("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS %s ON %s (%s) alone in a file with %s; in the next file ALTER TABLE %[2]s ADD CONSTRAINT %[1]s %[5]s USING INDEX %[1]s",
				name, a.name, strings.Join(keys, ", "), noTransactionMarker, kind))
	case "CONSTR_EXCLUSION":
		a.report(ruleConstraintBuildsIndex, fmt.Sprintf("EXCLUDE builds its index while nobody else can read or write %s", a.name),
			"PostgreSQL has no other way for a table with rows: put it on a new table that is filled in batches, or waive this for a table that is small")
	}
}

func (a *alteration) validate(before *lockedBy) {
	c := a.table.constraints[a.command.Name]
	instead := fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s alone in the next file", a.name, a.command.Name)
	switch {
	case c != nil && c.made:
		a.report(ruleValidateUnderLock, fmt.Sprintf("VALIDATE CONSTRAINT reads all of %s, while the lock of the ADD CONSTRAINT in this file keeps others from it", a.name), instead)
	case before != nil && !a.migration.NoTransaction:
		a.report(ruleValidateUnderLock, fmt.Sprintf("VALIDATE CONSTRAINT reads all of %s, while the lock that line %d took on %s keeps others from that", a.name, before.line, before.table), instead)
	}
}

func (l *linter) rewrites(name, what string) {
	l.report(ruleTableRewrites, fmt.Sprintf("%s makes PostgreSQL write all of %s anew, while nobody can read or write it", what, name),
		fmt.Sprintf("leave it out; plain VACUUM frees space for new rows, and what needs another form goes to a new table that is filled in batches from %s", name))
}
