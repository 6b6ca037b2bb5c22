package lint

import (
	"slices"
	"strconv"
	"strings"

	"github.com/soketsugo/soketsugo/tools/migrations/lint/grammar"
)

// columnType is a type with what is in its parentheses.
type columnType struct {
	name string
	mods []int
	// odd says that there is more to it, such as an array or an interval's fields.
	odd bool
}

func typeOf(t *grammar.TypeName) columnType {
	if t == nil {
		return columnType{}
	}
	names := grammar.Names(t.Names)
	if len(names) > 1 && (names[0] == "pg_catalog" || names[0] == "public") {
		names = names[1:]
	}
	c := columnType{name: key(names), odd: len(t.Array) > 0}
	for _, mod := range t.Mods {
		if mod.Const == nil || mod.Const.Integer == nil {
			c.odd = true
			continue
		}
		c.mods = append(c.mods, mod.Const.Integer.Value)
	}
	if c.name == "interval" && len(c.mods) > 0 {
		c.odd = true
	}
	return c
}

func (c columnType) equal(other columnType) bool {
	return c.name == other.name && slices.Equal(c.mods, other.mods) && !c.odd && !other.odd
}

// keeps says whether a column can be made of another type without its rows being
// written or read.
func (c columnType) keeps(to columnType) bool {
	if c.name == "" || c.odd || to.odd {
		return false
	}
	if c.equal(to) {
		return true
	}
	switch from := c.name; {
	case from == "text" || from == "varchar":
		switch to.name {
		case "text":
			return true
		case "varchar":
			return len(to.mods) == 0 || from == "varchar" && atLeast(to.mods, c.mods)
		}
		return false
	case from == "numeric" && to.name == from:
		return len(to.mods) == 0 || len(c.mods) > 0 && atLeast(to.mods[:1], c.mods[:1]) && scale(to.mods) == scale(c.mods)
	case from == "varbit" && to.name == from,
		slices.Contains([]string{"timestamp", "timestamptz", "time", "timetz"}, from) && to.name == from:
		return len(to.mods) == 0 || atLeast(to.mods, c.mods)
	case from == "cidr":
		return to.name == "inet"
	}
	return false
}

// atLeast says whether a limit is as wide as the one before, which is there too.
func atLeast(to, from []int) bool {
	return len(to) == 1 && len(from) == 1 && to[0] >= from[0]
}

// scale is the number of digits behind the point of a numeric.
func scale(mods []int) int {
	if len(mods) < 2 {
		return 0
	}
	return mods[1]
}

func isSerial(name string) bool {
	return slices.Contains([]string{"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"}, name)
}

// steady are the functions in common use that are known not to be volatile; with
// them a default is worked out once for all rows. PostgreSQL's catalogue has the
// rest, which is not at hand.
var steady = []string{
	"now", "transaction_timestamp", "statement_timestamp", "timezone", "date_trunc", "date_part", "extract", "age",
	"to_timestamp", "to_date", "to_char", "to_number", "make_date", "make_time", "make_interval", "make_timestamp", "make_timestamptz",
	"current_setting", "current_database", "current_schema", "current_user", "session_user", "version",
	"lower", "upper", "md5", "sha256", "length", "concat", "concat_ws", "format", "repeat", "replace", "substring", "btrim", "ltrim", "rtrim", "lpad", "rpad",
	"encode", "decode", "abs", "round", "floor", "ceil", "ceiling", "array_fill", "string_to_array",
	"to_json", "to_jsonb", "json_build_object", "json_build_array", "jsonb_build_object", "jsonb_build_array",
	"int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange", "to_tsvector",
}

// volatileCall returns the first function in an expression that is not known to
// be steady; empty if there is none.
func volatileCall(e *grammar.Expression) string {
	for _, node := range e.Nodes() {
		if node.FuncCall == nil {
			continue
		}
		names := grammar.Names(node.FuncCall.Name)
		if len(names) > 1 && names[0] == "pg_catalog" {
			names = names[1:]
		}
		if name := key(names); !slices.Contains(steady, name) {
			return name
		}
	}
	return ""
}

func (c columnType) String() string {
	name := c.name
	switch name {
	case "int2":
		name = "smallint"
	case "int4":
		name = "integer"
	case "int8":
		name = "bigint"
	case "bool":
		name = "boolean"
	}
	if len(c.mods) > 0 {
		var mods []string
		for _, mod := range c.mods {
			mods = append(mods, strconv.Itoa(mod))
		}
		name += "(" + strings.Join(mods, ", ") + ")"
	}
	if c.odd {
		name += " ..."
	}
	return name
}
