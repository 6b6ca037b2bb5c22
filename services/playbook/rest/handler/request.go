package handler

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/runtime/strictjson"
)

func readDraft(draft *domain.Draft) func(*strictjson.Object) {
	return func(o *strictjson.Object) {
		draft.Name = o.String("name")
		draft.Description = o.String("description")
		draft.Steps = readSteps(o)
	}
}

// readChange reads the fields that are there: null is empty, absent is as it was.
func readChange(change *domain.Change) func(*strictjson.Object) {
	return func(o *strictjson.Object) {
		if o.Has("name") {
			name := o.String("name")
			change.Name = &name
		}
		if o.Has("description") {
			description := o.String("description")
			change.Description = &description
		}
		if o.Has("steps") {
			steps := readSteps(o)
			change.Steps = &steps
		}
	}
}

func readSteps(o *strictjson.Object) []domain.Step {
	var steps []domain.Step
	o.Objects("steps", func(o *strictjson.Object) {
		steps = append(steps, domain.Step{
			Kind:  domain.StepKind(o.String("kind")),
			Title: o.String("title"),
			Delay: readDelay(o, "delay"),
		})
	})
	return steps
}

// readDelay reads whole seconds the way Protobuf's JSON writes them: "3600s".
func readDelay(o *strictjson.Object, name string) time.Duration {
	text := o.String(name)
	if text == "" {
		return 0
	}
	number, hasUnit := strings.CutSuffix(text, "s")
	// Nine digits keep the product within a Duration; what is a sensible delay is
	// for the domain to say. No sign, since a second spelling helps nobody.
	seconds, err := strconv.ParseUint(number, 10, 64)
	if !hasUnit || err != nil || len(number) > 9 {
		o.Fail(name, `must be whole seconds such as "3600s"`)
		return 0
	}
	return time.Duration(seconds) * time.Second
}

func readContact(contact *string) func(*strictjson.Object) {
	return func(o *strictjson.Object) { *contact = o.String("contact") }
}

func readContacts(contacts *[]string) func(*strictjson.Object) {
	return func(o *strictjson.Object) { *contacts = o.Strings("contacts") }
}

// pageSize reads how long a page may be; 0 is for the use case to say.
func pageSize(query url.Values) (int, error) {
	text := query.Get("page_size")
	if text == "" {
		return 0, nil
	}
	size, err := strconv.Atoi(text)
	if err != nil {
		return 0, domain.InvalidField("page_size", "must be a whole number")
	}
	return size, nil
}
