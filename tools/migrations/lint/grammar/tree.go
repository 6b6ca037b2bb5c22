package grammar

import (
	"encoding/json"
	"maps"
	"slices"
)

// The types below are PostgreSQL's parse nodes, with its names and with the
// fields that are of use here. What a field means is said in PostgreSQL's
// nodes/parsenodes.h.

// Node holds one node of any kind that is known here.
type Node struct {
	String          *String          `json:"String"`
	Integer         *Integer         `json:"Integer"`
	List            *List            `json:"List"`
	Const           *Const           `json:"A_Const"`
	Expr            *Expr            `json:"A_Expr"`
	BoolExpr        *BoolExpr        `json:"BoolExpr"`
	NullTest        *NullTest        `json:"NullTest"`
	ColumnRef       *ColumnRef       `json:"ColumnRef"`
	SubLink         *SubLink         `json:"SubLink"`
	RangeVar        *RangeVar        `json:"RangeVar"`
	RangeSubselect  *RangeSubselect  `json:"RangeSubselect"`
	CommonTableExpr *CommonTableExpr `json:"CommonTableExpr"`
	TypeName        *TypeName        `json:"TypeName"`
	ObjectWithArgs  *ObjectWithArgs  `json:"ObjectWithArgs"`
	DefElem         *DefElem         `json:"DefElem"`
	IndexElem       *IndexElem       `json:"IndexElem"`
	ColumnDef       *ColumnDef       `json:"ColumnDef"`
	Constraint      *Constraint      `json:"Constraint"`
	PartitionCmd    *PartitionCmd    `json:"PartitionCmd"`
	AlterTableCmd   *AlterTableCmd   `json:"AlterTableCmd"`
	VacuumRelation  *VacuumRelation  `json:"VacuumRelation"`

	CreateStmt            *CreateStmt            `json:"CreateStmt"`
	CreateTableAsStmt     *CreateTableAsStmt     `json:"CreateTableAsStmt"`
	ViewStmt              *ViewStmt              `json:"ViewStmt"`
	CreateSeqStmt         *CreateSeqStmt         `json:"CreateSeqStmt"`
	CreateDomainStmt      *CreateDomainStmt      `json:"CreateDomainStmt"`
	CreateEnumStmt        *CreateTypeStmt        `json:"CreateEnumStmt"`
	CreateRangeStmt       *CreateTypeStmt        `json:"CreateRangeStmt"`
	CompositeTypeStmt     *CompositeTypeStmt     `json:"CompositeTypeStmt"`
	CreateFunctionStmt    *CreateFunctionStmt    `json:"CreateFunctionStmt"`
	CreateTrigStmt        *CreateTrigStmt        `json:"CreateTrigStmt"`
	CreateSchemaStmt      *CreateSchemaStmt      `json:"CreateSchemaStmt"`
	IndexStmt             *IndexStmt             `json:"IndexStmt"`
	AlterTableStmt        *AlterTableStmt        `json:"AlterTableStmt"`
	AlterEnumStmt         *AlterEnumStmt         `json:"AlterEnumStmt"`
	AlterDomainStmt       *AlterDomainStmt       `json:"AlterDomainStmt"`
	AlterObjectSchemaStmt *AlterObjectSchemaStmt `json:"AlterObjectSchemaStmt"`
	RenameStmt            *RenameStmt            `json:"RenameStmt"`
	DropStmt              *DropStmt              `json:"DropStmt"`
	TruncateStmt          *TruncateStmt          `json:"TruncateStmt"`
	VacuumStmt            *VacuumStmt            `json:"VacuumStmt"`
	ClusterStmt           *ClusterStmt           `json:"ClusterStmt"`
	ReindexStmt           *ReindexStmt           `json:"ReindexStmt"`
	LockStmt              *LockStmt              `json:"LockStmt"`
	RefreshMatViewStmt    *RefreshMatViewStmt    `json:"RefreshMatViewStmt"`
	VariableSetStmt       *VariableSetStmt       `json:"VariableSetStmt"`
	TransactionStmt       *TransactionStmt       `json:"TransactionStmt"`
	DiscardStmt           *struct{}              `json:"DiscardStmt"`
	DoStmt                *struct{}              `json:"DoStmt"`
	CallStmt              *struct{}              `json:"CallStmt"`
	SelectStmt            *SelectStmt            `json:"SelectStmt"`
	InsertStmt            *InsertStmt            `json:"InsertStmt"`
	UpdateStmt            *UpdateStmt            `json:"UpdateStmt"`
	DeleteStmt            *DeleteStmt            `json:"DeleteStmt"`
	MergeStmt             *MergeStmt             `json:"MergeStmt"`
	FuncCall              *FuncCall              `json:"FuncCall"`
}

// Expression is a tree that is kept whole as well, to be walked.
type Expression struct {
	Node
	tree json.RawMessage
}

// UnmarshalJSON keeps the tree.
func (e *Expression) UnmarshalJSON(tree []byte) error {
	e.tree = slices.Clone(tree)
	return json.Unmarshal(tree, &e.Node)
}

// Nodes returns the nodes in the statement, itself too, from the outside in: those
// that write rows, SELECT, calls and columns.
func (s *Statement) Nodes() []Node { return nodes(s.tree) }

// Nodes returns the nodes in the expression, as those of a statement; none of nil.
func (e *Expression) Nodes() []Node {
	if e == nil {
		return nil
	}
	return nodes(e.tree)
}

// wanted are the kinds that Nodes returns. To read all at each level would take
// minutes for a deep tree.
var wanted = []string{"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CreateTableAsStmt", "SelectStmt", "FuncCall", "ColumnRef"}

func nodes(tree json.RawMessage) []Node {
	if len(tree) == 0 {
		return nil
	}
	var found []Node
	switch tree[0] {
	case '[':
		var items []json.RawMessage
		if json.Unmarshal(tree, &items) == nil {
			for _, item := range items {
				found = append(found, nodes(item)...)
			}
		}
	case '{':
		var fields map[string]json.RawMessage
		if json.Unmarshal(tree, &fields) != nil {
			return nil
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			// A node is in an object of its own, under its kind.
			var node Node
			if slices.Contains(wanted, name) && json.Unmarshal(tree, &node) == nil {
				found = append(found, node)
			}
			found = append(found, nodes(fields[name])...)
		}
	}
	return found
}

// Names returns the parts of the name that a node stands for.
func (n *Node) Names() []string {
	switch {
	case n.String != nil:
		return []string{n.String.Value}
	case n.List != nil:
		return Names(n.List.Items)
	case n.TypeName != nil:
		return Names(n.TypeName.Names)
	case n.ObjectWithArgs != nil:
		return Names(n.ObjectWithArgs.Name)
	case n.RangeVar != nil:
		return n.RangeVar.Names()
	}
	return nil
}

// Names returns the strings of a list.
func Names(list []Node) []string {
	var names []string
	for _, node := range list {
		if node.String != nil {
			names = append(names, node.String.Value)
		}
	}
	return names
}

// Names returns the parts of the relation's name.
func (r *RangeVar) Names() []string {
	if r.Schema == "" {
		return []string{r.Name}
	}
	return []string{r.Schema, r.Name}
}

// Option says whether an option that is on or off is among options, and on.
func Option(options []Node, name string) bool {
	for _, o := range options {
		if o.DefElem == nil || o.DefElem.Name != name {
			continue
		}
		if o.DefElem.Arg == nil {
			return true
		}
		for _, value := range o.DefElem.Arg.Names() {
			if value == "false" || value == "off" {
				return false
			}
		}
		if o.DefElem.Arg.Integer != nil {
			return o.DefElem.Arg.Integer.Value != 0
		}
		return true
	}
	return false
}

// PostgreSQL's parse nodes.
type (
	// String is a name or a text.
	String struct {
		Value string `json:"sval"`
	}
	// Integer is a number.
	Integer struct {
		Value int `json:"ival"`
	}
	// List is a list that is a node.
	List struct {
		Items []Node `json:"items"`
	}
	// Const is a literal.
	Const struct {
		Integer *Integer `json:"ival"`
		String  *String  `json:"sval"`
		Boolean *Boolean `json:"boolval"`
		Null    bool     `json:"isnull"`
	}
	// Boolean is true or false.
	Boolean struct {
		Value bool `json:"boolval"`
	}
	// Expr is an operator with its operands.
	Expr struct {
		Kind  string      `json:"kind"`
		Name  []Node      `json:"name"`
		Left  *Expression `json:"lexpr"`
		Right *Expression `json:"rexpr"`
	}
	// BoolExpr is AND, OR or NOT.
	BoolExpr struct {
		Kind string       `json:"boolop"`
		Args []Expression `json:"args"`
	}
	// NullTest is IS NULL or IS NOT NULL.
	NullTest struct {
		Arg  *Node  `json:"arg"`
		Kind string `json:"nulltesttype"`
	}
	// ColumnRef is a column, maybe with its table.
	ColumnRef struct {
		Fields []Node `json:"fields"`
	}
	// SubLink is a SELECT in an expression.
	SubLink struct {
		Kind   string `json:"subLinkType"`
		Select *Node  `json:"subselect"`
	}
	// RangeVar is a relation.
	RangeVar struct {
		Schema string `json:"schemaname"`
		Name   string `json:"relname"`
		// Inherit is false behind ONLY.
		Inherit bool `json:"inh"`
	}
	// RangeSubselect is a SELECT in FROM.
	RangeSubselect struct {
		Query *Node `json:"subquery"`
	}
	// CommonTableExpr is one query of a WITH.
	CommonTableExpr struct {
		Name  string `json:"ctename"`
		Query *Node  `json:"ctequery"`
	}
	// WithClause is a WITH.
	WithClause struct {
		Queries []Node `json:"ctes"`
	}
	// TypeName is a type.
	TypeName struct {
		Names []Node `json:"names"`
		Mods  []Node `json:"typmods"`
		Array []Node `json:"arrayBounds"`
	}
	// ObjectWithArgs is a function.
	ObjectWithArgs struct {
		Name []Node `json:"objname"`
	}
	// DefElem is an option.
	DefElem struct {
		Name string `json:"defname"`
		Arg  *Node  `json:"arg"`
	}
	// IndexElem is a column of an index.
	IndexElem struct {
		Name string `json:"name"`
	}
	// ColumnDef is a column's definition.
	ColumnDef struct {
		Name        string      `json:"colname"`
		Type        *TypeName   `json:"typeName"`
		Collation   *struct{}   `json:"collClause"`
		Using       *Expression `json:"raw_default"`
		Constraints []Node      `json:"constraints"`
	}
	// Constraint is a constraint, also the ones that are not called so: a default.
	Constraint struct {
		Kind           string      `json:"contype"`
		Name           string      `json:"conname"`
		Expr           *Expression `json:"raw_expr"`
		Keys           []Node      `json:"keys"`
		ForeignKeys    []Node      `json:"fk_attrs"`
		Index          string      `json:"indexname"`
		References     *RangeVar   `json:"pktable"`
		SkipValidation bool        `json:"skip_validation"`
	}
	// PartitionCmd is what ATTACH or DETACH PARTITION takes.
	PartitionCmd struct {
		Name       *RangeVar `json:"name"`
		Concurrent bool      `json:"concurrent"`
	}
	// AlterTableCmd is one action of an ALTER TABLE.
	AlterTableCmd struct {
		Kind string `json:"subtype"`
		Name string `json:"name"`
		Def  *Node  `json:"def"`
	}
	// VacuumRelation is a table of a VACUUM.
	VacuumRelation struct {
		Relation *RangeVar `json:"relation"`
	}
	// CreateStmt is CREATE TABLE.
	CreateStmt struct {
		Relation    RangeVar  `json:"relation"`
		Elements    []Node    `json:"tableElts"`
		Partition   *struct{} `json:"partspec"`
		IfNotExists bool      `json:"if_not_exists"`
	}
	// CreateTableAsStmt is CREATE TABLE AS or CREATE MATERIALIZED VIEW.
	CreateTableAsStmt struct {
		Query *Expression `json:"query"`
		Into  IntoClause  `json:"into"`
		Kind  string      `json:"objtype"`
	}
	// IntoClause is where a query's result goes.
	IntoClause struct {
		Relation RangeVar `json:"rel"`
		SkipData bool     `json:"skipData"`
	}
	// ViewStmt is CREATE VIEW.
	ViewStmt struct {
		View RangeVar `json:"view"`
	}
	// CreateSeqStmt is CREATE SEQUENCE.
	CreateSeqStmt struct {
		Sequence RangeVar `json:"sequence"`
	}
	// CreateDomainStmt is CREATE DOMAIN.
	CreateDomainStmt struct {
		Name        []Node `json:"domainname"`
		Constraints []Node `json:"constraints"`
	}
	// CreateTypeStmt is CREATE TYPE ... AS ENUM or AS RANGE.
	CreateTypeStmt struct {
		Name []Node `json:"typeName"`
	}
	// CompositeTypeStmt is CREATE TYPE ... AS (...).
	CompositeTypeStmt struct {
		Name RangeVar `json:"typevar"`
	}
	// CreateFunctionStmt is CREATE FUNCTION or PROCEDURE.
	CreateFunctionStmt struct {
		Name []Node `json:"funcname"`
	}
	// CreateTrigStmt is CREATE TRIGGER.
	CreateTrigStmt struct {
		Name     string   `json:"trigname"`
		Relation RangeVar `json:"relation"`
	}
	// CreateSchemaStmt is CREATE SCHEMA.
	CreateSchemaStmt struct {
		Name string `json:"schemaname"`
	}
	// IndexStmt is CREATE INDEX.
	IndexStmt struct {
		Name        string   `json:"idxname"`
		Relation    RangeVar `json:"relation"`
		Columns     []Node   `json:"indexParams"`
		Unique      bool     `json:"unique"`
		Concurrent  bool     `json:"concurrent"`
		IfNotExists bool     `json:"if_not_exists"`
	}
	// AlterTableStmt is ALTER TABLE, INDEX, VIEW, TYPE and so on.
	AlterTableStmt struct {
		Relation RangeVar `json:"relation"`
		Commands []Node   `json:"cmds"`
		Kind     string   `json:"objtype"`
	}
	// AlterEnumStmt adds or renames a value of an enum.
	AlterEnumStmt struct {
		Name        []Node `json:"typeName"`
		Old         string `json:"oldVal"`
		New         string `json:"newVal"`
		IfNotExists bool   `json:"skipIfNewValExists"`
	}
	// AlterDomainStmt is ALTER DOMAIN.
	AlterDomainStmt struct {
		Kind string `json:"subtype"`
		Name []Node `json:"typeName"`
		Def  *Node  `json:"def"`
	}
	// AlterObjectSchemaStmt is ALTER ... SET SCHEMA.
	AlterObjectSchemaStmt struct {
		Kind     string    `json:"objectType"`
		Relation *RangeVar `json:"relation"`
		Object   *Node     `json:"object"`
	}
	// RenameStmt is ALTER ... RENAME.
	RenameStmt struct {
		Kind     string    `json:"renameType"`
		Relation *RangeVar `json:"relation"`
		Object   *Node     `json:"object"`
		Part     string    `json:"subname"`
		New      string    `json:"newname"`
	}
	// DropStmt is DROP.
	DropStmt struct {
		Objects    []Node `json:"objects"`
		Kind       string `json:"removeType"`
		IfExists   bool   `json:"missing_ok"`
		Concurrent bool   `json:"concurrent"`
	}
	// TruncateStmt is TRUNCATE.
	TruncateStmt struct {
		Relations []Node `json:"relations"`
	}
	// VacuumStmt is VACUUM or ANALYZE.
	VacuumStmt struct {
		Options   []Node `json:"options"`
		Relations []Node `json:"rels"`
		Vacuum    bool   `json:"is_vacuumcmd"`
	}
	// ClusterStmt is CLUSTER.
	ClusterStmt struct {
		Relation *RangeVar `json:"relation"`
	}
	// ReindexStmt is REINDEX.
	ReindexStmt struct {
		Kind     string    `json:"kind"`
		Relation *RangeVar `json:"relation"`
		Name     string    `json:"name"`
		Options  []Node    `json:"params"`
	}
	// LockStmt is LOCK TABLE.
	LockStmt struct {
		Relations []Node `json:"relations"`
	}
	// RefreshMatViewStmt is REFRESH MATERIALIZED VIEW.
	RefreshMatViewStmt struct {
		Relation   RangeVar `json:"relation"`
		Concurrent bool     `json:"concurrent"`
		SkipData   bool     `json:"skipData"`
	}
	// VariableSetStmt is SET or RESET.
	VariableSetStmt struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
		// Local says that it ends with the transaction.
		Local bool `json:"is_local"`
	}
	// TransactionStmt is BEGIN, COMMIT and so on.
	TransactionStmt struct {
		Kind string `json:"kind"`
	}
	// SelectStmt is SELECT or VALUES.
	SelectStmt struct {
		From   []Node      `json:"fromClause"`
		Values []Node      `json:"valuesLists"`
		Limit  *Node       `json:"limitCount"`
		Left   *SelectStmt `json:"larg"`
		Right  *SelectStmt `json:"rarg"`
		Into   *IntoClause `json:"intoClause"`
		With   *WithClause `json:"withClause"`
	}
	// InsertStmt is INSERT.
	InsertStmt struct {
		Relation RangeVar    `json:"relation"`
		Select   *Node       `json:"selectStmt"`
		With     *WithClause `json:"withClause"`
	}
	// UpdateStmt is UPDATE.
	UpdateStmt struct {
		Relation RangeVar    `json:"relation"`
		Where    *Expression `json:"whereClause"`
		From     []Node      `json:"fromClause"`
		With     *WithClause `json:"withClause"`
	}
	// DeleteStmt is DELETE.
	DeleteStmt struct {
		Relation RangeVar    `json:"relation"`
		Where    *Expression `json:"whereClause"`
		Using    []Node      `json:"usingClause"`
		With     *WithClause `json:"withClause"`
	}
	// MergeStmt is MERGE.
	MergeStmt struct {
		Relation RangeVar `json:"relation"`
		Source   *Node    `json:"sourceRelation"`
	}
	// FuncCall calls a function.
	FuncCall struct {
		Name []Node `json:"funcname"`
		Args []Node `json:"args"`
	}
)
