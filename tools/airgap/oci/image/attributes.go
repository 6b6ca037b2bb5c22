package image

import (
	"regexp"
	"strings"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/jqjson"
)

// reference is a mention of another variable in the value of an environment variable: $NAME or ${NAME}.
var reference = regexp.MustCompile(`\$\{?([a-zA-Z0-9_]+)\}?`)

// words reads the words of a command line, one a line. A line end within a word is written as %5Cn.
func words(content string) []string {
	found := []string{}
	for line := range strings.SplitSeq(content, "\n") {
		if line != "" {
			found = append(found, strings.ReplaceAll(line, "%5Cn", "\n"))
		}
	}
	return found
}

// set reads members with commas between them into an object of empty objects, which is how OCI writes a set.
func set(content string) *jqjson.Object {
	object := jqjson.NewObject()
	if content == "" {
		return object
	}
	for member := range strings.SplitSeq(content, ",") {
		object.Set(member, struct{}{})
	}
	return object
}

// pairs reads key=value lines. Empty lines are skipped, a line without an equals sign is a key with an empty value.
func pairs(content string) *jqjson.Object {
	object := jqjson.NewObject()
	for line := range strings.SplitSeq(content, "\n") {
		if line != "" {
			key, value, _ := strings.Cut(line, "=")
			object.Set(key, value)
		}
	}
	return object
}

// environment reads key=value lines, in which a value may refer to keys of earlier lines; a reference to any other
// key becomes nothing. Unlike in pairs, an empty line counts: it is an empty key.
func environment(content string) []string {
	if content == "" {
		return []string{}
	}
	content = strings.TrimSuffix(content, "\n")
	var order []string
	values := map[string]string{}
	for line := range strings.SplitSeq(content, "\n") {
		key, value, _ := strings.Cut(line, "=")
		value = reference.ReplaceAllStringFunc(value, func(text string) string {
			return values[reference.FindStringSubmatch(text)[1]]
		})
		if _, ok := values[key]; !ok {
			order = append(order, key)
		}
		values[key] = value
	}
	variables := make([]string, 0, len(order))
	for _, key := range order {
		variables = append(variables, key+"="+values[key])
	}
	return variables
}
