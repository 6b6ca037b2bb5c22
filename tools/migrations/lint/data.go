package lint

import "github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"

// change is a statement, or a part of one, that writes rows.
type change struct {
	verb     string
	relation *grammar.RangeVar
	// bounded says that it cannot be many rows.
	bounded bool
}

// changes returns what a statement writes.
func (s *schema) changes(statement *grammar.Statement) []change {
	var all []change
	for _, node := range statement.Nodes() {
		switch {
		case node.InsertStmt != nil:
			all = append(all, change{"INSERT ... SELECT", &node.InsertStmt.Relation, boundedSource(node.InsertStmt.Select)})
		case node.UpdateStmt != nil:
			u := node.UpdateStmt
			all = append(all, change{"UPDATE", &u.Relation, s.boundedWhere(&u.Relation, u.Where) || boundedFrom(u.From, u.With)})
		case node.DeleteStmt != nil:
			d := node.DeleteStmt
			all = append(all, change{"DELETE", &d.Relation, s.boundedWhere(&d.Relation, d.Where) || boundedFrom(d.Using, d.With)})
		case node.MergeStmt != nil:
			m := node.MergeStmt
			all = append(all, change{"MERGE", &m.Relation, m.Source != nil && m.Source.RangeSubselect != nil && boundedSource(m.Source.RangeSubselect.Query)})
		case node.CreateTableAsStmt != nil:
			c := node.CreateTableAsStmt
			all = append(all, change{"CREATE TABLE AS", &c.Into.Relation, c.Into.SkipData || boundedSource(&c.Query.Node)})
		case node.SelectStmt != nil && node.SelectStmt.Into != nil:
			all = append(all, change{"SELECT INTO", &node.SelectStmt.Into.Relation, boundedSource(&node)})
		}
	}
	return all
}

// boundedSource says whether a query returns few rows: values, or a LIMIT.
func boundedSource(query *grammar.Node) bool {
	if query == nil {
		// DEFAULT VALUES.
		return true
	}
	return query.SelectStmt != nil && boundedSelect(query.SelectStmt)
}

func boundedSelect(s *grammar.SelectStmt) bool {
	if s.Limit != nil || len(s.Values) > 0 {
		return true
	}
	if s.Left != nil && s.Right != nil {
		return boundedSelect(s.Left) && boundedSelect(s.Right)
	}
	for _, from := range s.From {
		if from.RangeSubselect == nil || !boundedSource(from.RangeSubselect.Query) {
			return false
		}
	}
	return true
}

// boundedFrom says whether the rows come from a list that is bounded.
func boundedFrom(from []grammar.Node, with *grammar.WithClause) bool {
	for _, f := range from {
		if f.RangeSubselect != nil && boundedSource(f.RangeSubselect.Query) {
			return true
		}
		if f.RangeVar == nil || with == nil {
			continue
		}
		for _, query := range with.Queries {
			if cte := query.CommonTableExpr; cte != nil && cte.Name == f.RangeVar.Name && boundedSource(cte.Query) {
				return true
			}
		}
	}
	return false
}

// boundedWhere says whether a condition lets few rows through: a key, or a list
// that is bounded.
func (s *schema) boundedWhere(relation *grammar.RangeVar, where *grammar.Expression) bool {
	t := s.table(relation)
	for _, part := range conjuncts(where) {
		switch {
		case part.SubLink != nil:
			if part.SubLink.Kind == "ANY_SUBLINK" && boundedSource(part.SubLink.Select) {
				return true
			}
		case part.Expr != nil && part.Expr.Left != nil && part.Expr.Right != nil:
			name := columnName(&part.Expr.Left.Node)
			operator := grammar.Names(part.Expr.Name)
			equal := len(operator) == 1 && operator[0] == "=" && (part.Expr.Kind == "AEXPR_OP" || part.Expr.Kind == "AEXPR_IN")
			if name == "" || !t.column(name).unique || !equal && part.Expr.Kind != "AEXPR_BETWEEN" {
				continue
			}
			constant := true
			for _, node := range part.Expr.Right.Nodes() {
				constant = constant && node.ColumnRef == nil
			}
			if constant {
				return true
			}
		}
	}
	return false
}
