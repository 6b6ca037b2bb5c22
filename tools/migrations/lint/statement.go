package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"
)

// statement looks at one statement, and notes what it makes.
func (l *linter) statement(s grammar.Statement) {
	l.settings(&s)
	l.rows(&s)
	switch {
	case s.CreateStmt != nil, s.CreateTableAsStmt != nil:
		l.createTable(&s)
	case s.IndexStmt != nil:
		l.index(s.IndexStmt)
	case s.AlterTableStmt != nil:
		l.alter(s.AlterTableStmt)
	case s.AlterDomainStmt != nil:
		l.alterDomain(s.AlterDomainStmt)
	case s.AlterEnumStmt != nil:
		l.alterEnum(s.AlterEnumStmt)
	case s.RenameStmt != nil:
		l.rename(s.RenameStmt)
	case s.AlterObjectSchemaStmt != nil:
		l.setSchema(s.AlterObjectSchemaStmt)
	case s.DropStmt != nil:
		l.drop(s.DropStmt)
	case s.CreateTrigStmt != nil:
		l.known.make("TRIGGER", append(s.CreateTrigStmt.Relation.Names(), s.CreateTrigStmt.Name))
		l.lock(&s.CreateTrigStmt.Relation)
	default:
		l.maintenance(&s)
		l.creates(&s)
	}
}

// creates notes what is made beside tables and indexes.
func (l *linter) creates(s *grammar.Statement) {
	switch {
	case s.ViewStmt != nil:
		l.known.make("VIEW", s.ViewStmt.View.Names())
	case s.CreateSeqStmt != nil:
		l.known.make("SEQUENCE", s.CreateSeqStmt.Sequence.Names())
	case s.CreateEnumStmt != nil:
		l.known.make("TYPE", grammar.Names(s.CreateEnumStmt.Name))
	case s.CreateRangeStmt != nil:
		l.known.make("TYPE", grammar.Names(s.CreateRangeStmt.Name))
	case s.CompositeTypeStmt != nil:
		l.known.make("TYPE", s.CompositeTypeStmt.Name.Names())
	case s.CreateFunctionStmt != nil:
		l.known.make("FUNCTION", grammar.Names(s.CreateFunctionStmt.Name))
	case s.CreateSchemaStmt != nil:
		l.known.make("SCHEMA", []string{s.CreateSchemaStmt.Name})
	case s.CreateDomainStmt != nil:
		l.known.make("DOMAIN", grammar.Names(s.CreateDomainStmt.Name))
		l.known.domains[key(grammar.Names(s.CreateDomainStmt.Name))] = slices.ContainsFunc(s.CreateDomainStmt.Constraints, func(n grammar.Node) bool {
			return n.Constraint != nil && (n.Constraint.Kind == "CONSTR_CHECK" || n.Constraint.Kind == "CONSTR_NOTNULL")
		})
	}
}

// lock notes that others cannot use a table until the end of the transaction.
func (l *linter) lock(r *grammar.RangeVar) {
	if l.migration.NoTransaction || l.locks != nil || l.known.table(r).made {
		return
	}
	l.locks = &lockedBy{l.line, key(r.Names())}
	if l.dataFirst != nil {
		l.report(ruleDataWithDDL, fmt.Sprintf("this waits for its lock on %s while all rows that line %d changed in %s are locked for writers", l.locks.table, l.dataFirst.line, l.dataFirst.table),
			"put the change of rows into a file of its own")
	}
}

// rows looks at changes of many rows beside changes of tables.
func (l *linter) rows(s *grammar.Statement) {
	if l.migration.NoTransaction {
		return
	}
	for _, c := range l.known.changes(s) {
		if c.bounded {
			continue
		}
		switch into := l.known.tables[key(c.relation.Names())]; {
		case l.locks != nil:
			l.report(ruleDataWithDDL, fmt.Sprintf("%s may write many rows of %s, while the lock that line %d took on %s keeps others from it", c.verb, key(c.relation.Names()), l.locks.line, l.locks.table),
				"put it into a file of its own, in batches such as WHERE id IN (SELECT id FROM ... LIMIT 1000)")
		case into != nil && into.made, c.verb == "CREATE TABLE AS", c.verb == "SELECT INTO":
		case l.dataFirst == nil:
			l.dataFirst = &lockedBy{l.line, key(c.relation.Names())}
		}
	}
}

func (l *linter) createTable(s *grammar.Statement) {
	if as := s.CreateTableAsStmt; as != nil {
		if as.Kind == "OBJECT_MATVIEW" {
			l.known.make("MATERIALIZED VIEW", as.Into.Relation.Names())
		}
		l.expands("makes the table", key(as.Into.Relation.Names()))
		l.known.create(&as.Into.Relation, false)
		return
	}
	create := s.CreateStmt
	name := key(create.Relation.Names())
	l.expands("makes the table", name)
	if old := l.known.tables[name]; create.IfNotExists && old != nil && !old.made {
		// It may be there, with rows.
		return
	}
	t := l.known.create(&create.Relation, create.Partition != nil)
	for _, element := range create.Elements {
		if element.ColumnDef != nil {
			t.addColumn(element.ColumnDef)
			for _, node := range element.ColumnDef.Constraints {
				l.refers(node.Constraint)
			}
		}
		if element.Constraint != nil {
			t.addConstraint(element.Constraint)
			l.refers(element.Constraint)
		}
	}
}

// refers notes that a foreign key keeps writers from the table that it refers to.
func (l *linter) refers(c *grammar.Constraint) {
	if c != nil && c.References != nil {
		l.lock(c.References)
	}
}

// expands reports what adds something in a contract step.
func (l *linter) expands(what, name string) {
	if l.migration.ReadUntil == 0 {
		return
	}
	l.report(ruleContractExpands, fmt.Sprintf("a contract step that %s %s: servers that use it do not wait for this file, and fail until it ran", what, name),
		"put it into a file without -- soketsugo:contract")
}

func (l *linter) index(s *grammar.IndexStmt) {
	t := l.known.table(&s.Relation)
	name := key(s.Relation.Names())
	if s.Name != "" {
		schema := s.Relation.Names()
		l.known.indexes[key(append(schema[:len(schema)-1:len(schema)-1], s.Name))] = name
		if t.made && s.Unique && len(s.Columns) == 1 && s.Columns[0].IndexElem != nil && s.Columns[0].IndexElem.Name != "" {
			t.column(s.Columns[0].IndexElem.Name).unique = true
		}
	}
	if s.Concurrent {
		l.needsNoTransaction("CREATE INDEX CONCURRENTLY")
		if !s.IfNotExists {
			l.report(ruleNotRepeatable, fmt.Sprintf("when the run ends after the index %s is built, every later run fails because it exists", s.Name),
				fmt.Sprintf("CREATE INDEX CONCURRENTLY IF NOT EXISTS %s ...; migrate drops one that was left half built", s.Name))
		}
		return
	}
	if !t.made && !(t.partitioned && !s.Relation.Inherit) {
		unique, index := "", s.Name
		if index == "" {
			index = "name_it"
		}
		if s.Unique {
			unique = "UNIQUE "
		}
		instead := fmt.Sprintf("put CREATE %sINDEX CONCURRENTLY IF NOT EXISTS %s ... alone into a file with %s", unique, index, noTransactionMarker)
		if t.partitioned {
			instead = fmt.Sprintf("CREATE %sINDEX %s ON ONLY %s ..., then for each partition a file with CREATE INDEX CONCURRENTLY IF NOT EXISTS, then ALTER INDEX %[2]s ATTACH PARTITION", unique, index, name)
		}
		l.report(ruleIndexBlocksWrites, fmt.Sprintf("CREATE INDEX on %s keeps every writer of %[1]s waiting until the index is built", name), instead)
	}
	l.lock(&s.Relation)
}

func (l *linter) needsNoTransaction(what string) {
	if l.migration.NoTransaction {
		return
	}
	l.report(ruleNeedsNoTransaction, "PostgreSQL refuses "+what+" in a transaction, so the release stops here",
		"put it alone into a file with "+noTransactionMarker)
}

func (l *linter) alterDomain(s *grammar.AlterDomainStmt) {
	name := key(grammar.Names(s.Name))
	if l.known.makes("DOMAIN", grammar.Names(s.Name)) {
		return
	}
	switch {
	case s.Kind == "C" && s.Def != nil && s.Def.Constraint != nil && !s.Def.Constraint.SkipValidation:
		l.report(ruleConstraintScans, fmt.Sprintf("a constraint on the domain %s reads every table that has a column of it, while nobody can write to them", name),
			fmt.Sprintf("ALTER DOMAIN %s ADD CONSTRAINT ... NOT VALID, and in the next file ALTER DOMAIN %[1]s VALIDATE CONSTRAINT ...", name))
	case s.Kind == "O":
		l.report(ruleSetNotNullScans, fmt.Sprintf("SET NOT NULL on the domain %s reads every table that has a column of it, while nobody can write to them", name),
			fmt.Sprintf("ALTER DOMAIN %s ADD CONSTRAINT ... CHECK (VALUE IS NOT NULL) NOT VALID, and in the next file ALTER DOMAIN %[1]s VALIDATE CONSTRAINT ...", name))
	}
	if s.Kind == "C" || s.Kind == "O" {
		l.known.domains[name] = true
	}
}

func (l *linter) alterEnum(s *grammar.AlterEnumStmt) {
	names := grammar.Names(s.Name)
	switch {
	case s.Old != "":
		if !l.known.makes("TYPE", names) {
			l.takesAway("VALUE", append(names, s.Old), "renames")
		}
	case l.migration.NoTransaction && !s.IfNotExists:
		l.report(ruleNotRepeatable, fmt.Sprintf("when the run ends after the value %s is added, every later run fails because it exists", s.New),
			fmt.Sprintf("ALTER TYPE %s ADD VALUE IF NOT EXISTS '%s'", key(names), s.New))
	}
}

// takesAway reports what servers of before may use, unless the file is a contract
// step or made it itself.
func (l *linter) takesAway(kind string, names []string, verb string) {
	if l.migration.ReadUntil != 0 || l.known.makes(kind, names) {
		return
	}
	instead := "stop using it in one release, and drop it in a later one, in a file with -- soketsugo:contract NNNN, where NNNN is the last migration whose servers use it"
	if verb != "drops" {
		instead = "add the new name beside the old one (a column that is filled in batches, or a view), use it in the next release, and take the old one away in a file with -- soketsugo:contract NNNN"
	}
	l.report(ruleContractUnmarked, fmt.Sprintf("this %s the %s %s, which the servers that run meanwhile may use: they fail until they are replaced", verb, strings.ToLower(kind), key(names)), instead)
}

// taken are the kinds of things that servers can use, with their names.
var taken = map[string]string{
	"OBJECT_TABLE": "TABLE", "OBJECT_FOREIGN_TABLE": "TABLE", "OBJECT_VIEW": "VIEW", "OBJECT_MATVIEW": "MATERIALIZED VIEW", "OBJECT_SEQUENCE": "SEQUENCE",
	"OBJECT_TYPE": "TYPE", "OBJECT_DOMAIN": "DOMAIN", "OBJECT_SCHEMA": "SCHEMA", "OBJECT_TRIGGER": "TRIGGER", "OBJECT_EXTENSION": "EXTENSION",
	"OBJECT_FUNCTION": "FUNCTION", "OBJECT_PROCEDURE": "FUNCTION", "OBJECT_ROUTINE": "FUNCTION", "OBJECT_AGGREGATE": "FUNCTION",
	"OBJECT_ATTRIBUTE": "ATTRIBUTE",
}

func (l *linter) rename(s *grammar.RenameStmt) {
	switch {
	case s.Kind == "OBJECT_COLUMN" && s.Relation != nil:
		t := l.known.table(s.Relation)
		old := t.columns[s.Part]
		if !t.made && (old == nil || !old.made) {
			l.takesAway("COLUMN", append(s.Relation.Names(), s.Part), "renames")
		}
		l.lock(s.Relation)
		if old != nil {
			delete(t.columns, s.Part)
			t.columns[s.New] = old
		}
	case s.Kind == "OBJECT_TABCONSTRAINT" && s.Relation != nil:
		t := l.known.table(s.Relation)
		l.lock(s.Relation)
		if old := t.constraints[s.Part]; old != nil {
			delete(t.constraints, s.Part)
			t.constraints[s.New] = old
		}
	case taken[s.Kind] != "":
		names := []string{s.Part}
		if s.Relation != nil {
			names = s.Relation.Names()
			if s.Kind == "OBJECT_TRIGGER" || s.Kind == "OBJECT_ATTRIBUTE" {
				names = append(names, s.Part)
			}
		} else if s.Object != nil {
			names = s.Object.Names()
		}
		l.takesAway(taken[s.Kind], names, "renames")
		if s.Relation != nil && s.Kind == "OBJECT_TABLE" {
			l.lock(s.Relation)
			l.move(s.Relation.Names(), append(slices.Clone(names[:len(names)-1]), s.New))
		}
	}
}

func (l *linter) setSchema(s *grammar.AlterObjectSchemaStmt) {
	kind := taken[s.Kind]
	if kind == "" {
		return
	}
	var names []string
	if s.Relation != nil {
		names = s.Relation.Names()
	} else if s.Object != nil {
		names = s.Object.Names()
	}
	l.takesAway(kind, names, "moves")
}

// move notes that a table has another name.
func (l *linter) move(from, to []string) {
	t := l.known.tables[key(from)]
	if t == nil {
		return
	}
	delete(l.known.tables, key(from))
	l.known.tables[key(to)] = t
	if t.made {
		l.known.make("TABLE", to)
	}
}

func (l *linter) drop(s *grammar.DropStmt) {
	if s.Kind == "OBJECT_INDEX" {
		l.dropIndex(s)
		return
	}
	kind := taken[s.Kind]
	if kind == "" {
		return
	}
	for _, object := range s.Objects {
		names := object.Names()
		if s.Kind == "OBJECT_TRIGGER" && len(names) > 1 && l.known.makes("TABLE", names[:len(names)-1]) {
			continue
		}
		l.takesAway(kind, names, "drops")
		if s.Kind == "OBJECT_TABLE" && len(names) > 0 {
			l.lock(relation(names))
			delete(l.known.tables, key(names))
		}
	}
}

// relation is the relation of a name.
func relation(names []string) *grammar.RangeVar {
	r := &grammar.RangeVar{Name: names[len(names)-1]}
	if len(names) > 1 {
		r.Schema = names[len(names)-2]
	}
	return r
}

func (l *linter) dropIndex(s *grammar.DropStmt) {
	for _, object := range s.Objects {
		name := key(object.Names())
		on := l.known.indexes[name]
		made := on != "" && l.known.tables[on] != nil && l.known.tables[on].made
		if s.Concurrent {
			if !s.IfExists {
				l.report(ruleNotRepeatable, fmt.Sprintf("when the run ends after the index %s is gone, every later run fails because it is not there", name),
					fmt.Sprintf("DROP INDEX CONCURRENTLY IF EXISTS %s", name))
			}
		} else if !made {
			table := "its table"
			if on != "" {
				table = on
			}
			l.report(ruleIndexDropBlocks, fmt.Sprintf("DROP INDEX waits until nobody uses %s, and keeps everybody else who wants to read or write waiting behind it", table),
				fmt.Sprintf("put DROP INDEX CONCURRENTLY IF EXISTS %s alone into a file with %s", name, noTransactionMarker))
		}
	}
	if s.Concurrent {
		l.needsNoTransaction("DROP INDEX CONCURRENTLY")
	}
}

// maintenance looks at statements that hold up others as a whole.
func (l *linter) maintenance(s *grammar.Statement) {
	madeAll := func(relations []grammar.Node) bool {
		return len(relations) > 0 && !slices.ContainsFunc(relations, func(n grammar.Node) bool { return n.RangeVar == nil || !l.known.table(n.RangeVar).made })
	}
	switch {
	case s.TruncateStmt != nil:
		if !madeAll(s.TruncateStmt.Relations) {
			l.report(ruleTruncate, fmt.Sprintf("TRUNCATE keeps everybody who reads or writes %s waiting, and removes rows that they use", list(s.TruncateStmt.Relations)),
				"DELETE in batches, such as WHERE id IN (SELECT id FROM ... LIMIT 1000), or drop the table in a contract step")
		}
	case s.LockStmt != nil:
		if !madeAll(s.LockStmt.Relations) {
			l.report(ruleLockTable, fmt.Sprintf("LOCK TABLE keeps others from %s until the whole file is done", list(s.LockStmt.Relations)),
				"leave it out: each statement takes the weakest lock that it needs")
		}
	case s.VacuumStmt != nil && s.VacuumStmt.Vacuum:
		l.needsNoTransaction("VACUUM")
		if grammar.Option(s.VacuumStmt.Options, "full") {
			name := "every table"
			if len(s.VacuumStmt.Relations) > 0 {
				name = list(s.VacuumStmt.Relations)
			}
			l.rewrites(name, "VACUUM FULL")
		}
	case s.ClusterStmt != nil:
		if s.ClusterStmt.Relation == nil {
			l.rewrites("every table that was clustered before", "CLUSTER")
		} else if !l.known.table(s.ClusterStmt.Relation).made {
			l.rewrites(key(s.ClusterStmt.Relation.Names()), "CLUSTER")
		}
	case s.ReindexStmt != nil:
		l.reindex(s.ReindexStmt)
	case s.RefreshMatViewStmt != nil:
		refresh := s.RefreshMatViewStmt
		if name := key(refresh.Relation.Names()); !refresh.Concurrent && !l.known.makes("MATERIALIZED VIEW", refresh.Relation.Names()) {
			l.report(ruleRefreshBlocks, fmt.Sprintf("REFRESH MATERIALIZED VIEW keeps every reader of %s waiting until its query is done", name),
				fmt.Sprintf("REFRESH MATERIALIZED VIEW CONCURRENTLY %s, which needs a unique index on it", name))
		}
	}
}

func (l *linter) reindex(s *grammar.ReindexStmt) {
	name := s.Name
	if s.Relation != nil {
		name = key(s.Relation.Names())
	}
	if grammar.Option(s.Options, "concurrently") {
		l.needsNoTransaction("REINDEX CONCURRENTLY")
		return
	}
	if s.Relation != nil {
		if on := l.known.indexes[name]; l.known.table(s.Relation).made || on != "" && l.known.tables[on] != nil && l.known.tables[on].made {
			return
		}
	}
	kind := strings.TrimPrefix(s.Kind, "REINDEX_OBJECT_")
	l.report(ruleReindexBlocks, fmt.Sprintf("REINDEX of %s keeps writers waiting until it is done, and readers that would use the index", name),
		fmt.Sprintf("put REINDEX %s CONCURRENTLY %s alone into a file with %s", kind, name, noTransactionMarker))
}

// list is the names of relations.
func list(relations []grammar.Node) string {
	var names []string
	for _, node := range relations {
		switch {
		case node.RangeVar != nil:
			names = append(names, key(node.RangeVar.Names()))
		case node.VacuumRelation != nil && node.VacuumRelation.Relation != nil:
			names = append(names, key(node.VacuumRelation.Relation.Names()))
		}
	}
	return strings.Join(names, ", ")
}

// limits are the settings by which migrate keeps others from waiting.
var limits = []string{"lock_timeout", "statement_timeout", "transaction_timeout", "idle_in_transaction_session_timeout"}

// settings looks at what gets out of migrate's hands: its limits, its
// transaction, and statements that cannot be seen.
func (l *linter) settings(s *grammar.Statement) {
	changes := func(what string) {
		l.report(ruleTimeoutChanged, fmt.Sprintf("this changes %s, by which migrate keeps everybody from waiting behind a lock, also for the files behind this one", what),
			"write -- soketsugo:lock-timeout 5s or -- soketsugo:statement-timeout 20m, which hold for this file")
	}
	stays := func(what string) {
		l.report(ruleSettingStays, fmt.Sprintf("this sets %s for the files behind this one too, but only when one run applies both", what),
			"write SET LOCAL, which ends with the file, or for search_path the schema before each name")
	}
	switch set := s.VariableSetStmt; {
	case set != nil && set.Kind == "VAR_RESET_ALL", s.DiscardStmt != nil:
		changes("all settings")
	case set != nil && slices.Contains(limits, strings.ToLower(set.Name)):
		changes(strings.ToLower(set.Name))
	case set != nil && !set.Local && !strings.HasPrefix(set.Name, "TRANSACTION"):
		stays(strings.ToLower(set.Name))
	case s.TransactionStmt != nil:
		l.report(ruleTransactionControl, strings.TrimPrefix(s.TransactionStmt.Kind, "TRANS_STMT_")+" interferes with the transaction in which migrate applies the file and notes its version: when it fails later, half of the file stays",
			"leave it out: a file is one transaction, and one with "+noTransactionMarker+" has none")
	case s.DoStmt != nil, s.CallStmt != nil:
		what := "CALL"
		if s.DoStmt != nil {
			what = "DO"
		}
		l.report(ruleHidden, what+" runs statements that this lint and a reviewer of the plan cannot see, whatever they lock",
			"write the statements themselves into the file, or waive this and say what they lock")
	}
	for _, node := range s.Nodes() {
		if node.FuncCall == nil || len(node.FuncCall.Args) == 0 {
			continue
		}
		names := grammar.Names(node.FuncCall.Name)
		if len(names) == 0 || names[len(names)-1] != "set_config" {
			continue
		}
		setting := node.FuncCall.Args[0].Const
		local := node.FuncCall.Args[len(node.FuncCall.Args)-1].Const
		switch {
		case setting == nil || setting.String == nil || slices.Contains(limits, strings.ToLower(setting.String.Value)):
			changes("a timeout")
		case local == nil || local.Boolean == nil || !local.Boolean.Value:
			stays(strings.ToLower(setting.String.Value))
		}
	}
}
