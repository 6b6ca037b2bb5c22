package lint

import (
	"maps"
	"strings"

	"github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"
)

// schema is what the files up to here are known to have made. What they do not
// say is not known; then the worst is assumed.
type schema struct {
	tables map[string]*table
	// indexes holds the table of each index.
	indexes map[string]string
	// domains holds whether a domain has constraints.
	domains map[string]bool
	// made is what the current file made, of any kind.
	made map[string]bool
}

type table struct {
	columns     map[string]*column
	constraints map[string]*constraint
	partitioned bool
	// made says that the current file made it, so nobody else can see it.
	made bool
}

type column struct {
	// kind is its type, as typeName writes it; empty if it is not known.
	kind    columnType
	notNull bool
	// unique says that the column alone is a key.
	unique bool
	made   bool
}

type constraint struct {
	// notNull are the columns of which a CHECK says that they are not null.
	notNull   []string
	validated bool
	made      bool
}

func newSchema() *schema {
	return &schema{tables: map[string]*table{}, indexes: map[string]string{}, domains: map[string]bool{}, made: map[string]bool{}}
}

// clone returns a schema that can change by itself.
func (s *schema) clone() *schema {
	c := &schema{tables: map[string]*table{}, indexes: maps.Clone(s.indexes), domains: maps.Clone(s.domains), made: maps.Clone(s.made)}
	for name, t := range s.tables {
		copied := newTable()
		copied.partitioned, copied.made = t.partitioned, t.made
		for name, old := range t.columns {
			column := *old
			copied.columns[name] = &column
		}
		for name, old := range t.constraints {
			constraint := *old
			copied.constraints[name] = &constraint
		}
		c.tables[name] = copied
	}
	return c
}

// nextFile forgets what was made in the current file.
func (s *schema) nextFile() {
	clear(s.made)
	for _, t := range s.tables {
		t.made = false
		for _, c := range t.columns {
			c.made = false
		}
		for _, c := range t.constraints {
			c.made = false
		}
	}
}

// key is a name as the maps have it. The schema public is the one that is meant
// by names without one.
func key(names []string) string {
	if len(names) > 1 && names[0] == "public" {
		names = names[1:]
	}
	return strings.Join(names, ".")
}

// table returns a table. One that is not known was there before.
func (s *schema) table(r *grammar.RangeVar) *table {
	name := key(r.Names())
	if s.tables[name] == nil {
		s.tables[name] = newTable()
	}
	return s.tables[name]
}

func newTable() *table {
	return &table{columns: map[string]*column{}, constraints: map[string]*constraint{}}
}

// column returns a column. Of one that is not known nothing is known.
func (t *table) column(name string) *column {
	if t.columns[name] == nil {
		t.columns[name] = &column{}
	}
	return t.columns[name]
}

// provenNotNull says whether PostgreSQL knows without reading the table that a
// column has no null.
func (t *table) provenNotNull(name string) bool {
	if c := t.columns[name]; c != nil && c.notNull {
		return true
	}
	for _, c := range t.constraints {
		for _, proven := range c.notNull {
			if c.validated && proven == name {
				return true
			}
		}
	}
	return false
}

// create adds a table that the current file makes.
func (s *schema) create(r *grammar.RangeVar, partitioned bool) *table {
	t := newTable()
	t.made, t.partitioned = true, partitioned
	s.tables[key(r.Names())] = t
	s.make("TABLE", r.Names())
	return t
}

func (s *schema) make(kind string, names []string) { s.made[kind+" "+key(names)] = true }

func (s *schema) makes(kind string, names []string) bool { return s.made[kind+" "+key(names)] }

// addColumn adds a column with what its definition says.
func (t *table) addColumn(def *grammar.ColumnDef) {
	c := &column{kind: typeOf(def.Type), made: true}
	t.columns[def.Name] = c
	for _, node := range def.Constraints {
		if node.Constraint == nil {
			continue
		}
		switch node.Constraint.Kind {
		case "CONSTR_NOTNULL", "CONSTR_IDENTITY":
			c.notNull = true
		case "CONSTR_PRIMARY":
			c.notNull, c.unique = true, true
		case "CONSTR_UNIQUE":
			c.unique = true
		default:
			t.addConstraint(node.Constraint)
		}
	}
	if isSerial(c.kind.name) {
		c.notNull = true
	}
}

// addConstraint adds a constraint of a table.
func (t *table) addConstraint(def *grammar.Constraint) {
	switch def.Kind {
	case "CONSTR_PRIMARY", "CONSTR_UNIQUE":
		keys := grammar.Names(def.Keys)
		if def.Kind == "CONSTR_PRIMARY" {
			for _, name := range keys {
				t.column(name).notNull = true
			}
		}
		if len(keys) == 1 {
			t.column(keys[0]).unique = true
		}
	}
	if def.Name == "" {
		return
	}
	t.constraints[def.Name] = &constraint{notNull: notNullColumns(def.Expr), validated: !def.SkipValidation, made: true}
}

// notNullColumns returns the columns of which a condition says that they are not
// null.
func notNullColumns(condition *grammar.Expression) []string {
	var columns []string
	for _, part := range conjuncts(condition) {
		if part.NullTest == nil || part.NullTest.Kind != "IS_NOT_NULL" || part.NullTest.Arg == nil {
			continue
		}
		if name := columnName(part.NullTest.Arg); name != "" {
			columns = append(columns, name)
		}
	}
	return columns
}

// conjuncts returns the conditions that all have to hold.
func conjuncts(condition *grammar.Expression) []grammar.Expression {
	if condition == nil {
		return nil
	}
	if condition.BoolExpr == nil || condition.BoolExpr.Kind != "AND_EXPR" {
		return []grammar.Expression{*condition}
	}
	var all []grammar.Expression
	for i := range condition.BoolExpr.Args {
		all = append(all, conjuncts(&condition.BoolExpr.Args[i])...)
	}
	return all
}

// columnName returns the name of a column; empty for anything else.
func columnName(node *grammar.Node) string {
	if node.ColumnRef == nil {
		return ""
	}
	names := grammar.Names(node.ColumnRef.Fields)
	if len(names) != len(node.ColumnRef.Fields) || len(names) == 0 {
		return ""
	}
	return names[len(names)-1]
}
