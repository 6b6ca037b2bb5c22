package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/runtime/strictjson"
)

// read flattens a document of the test's shape.
func read(document string) ([]string, error) {
	var got []string
	err := strictjson.Read(strings.NewReader(document), func(o *strictjson.Object) {
		got = append(got, "name="+o.String("name"))
		if count := o.Int("count"); count != 0 {
			got = append(got, fmt.Sprint("count=", count))
		}
		o.Objects("items", func(o *strictjson.Object) { got = append(got, "title="+o.String("title")) })
		for _, tag := range o.Strings("tags") {
			got = append(got, "tag="+tag)
		}
	})
	return got, err
}

// What is right is read; absent and null are the same.
func TestRead(t *testing.T) {
	for _, test := range []struct {
		document string
		want     []string
	}{
		{`{}`, []string{"name="}},
		{` { "name" : null, "items": null } `, []string{"name="}},
		{`{"tags":["a"," ","\u00e9",""]}`, []string{"name=", "tag=a", "tag= ", "tag=é", "tag="}},
		{`{"tags":[]}`, []string{"name="}},
		{`{"tags":null}`, []string{"name="}},
		{`{"count":-3}`, []string{"name=", "count=-3"}},
		{`{"count":null}`, []string{"name="}},
		{`{"items":[{"title":"a"},{}],"name":"疎 \"q\" \u00e9"}`, []string{`name=疎 "q" é`, "title=a", "title="}},
		{`{"name":"\ud83d\ude00\ufffd\\ud83d \ud83d\ude00"}`, []string{"name=😀\ufffd\\ud83d 😀"}},
	} {
		got, err := read(test.document)
		if err != nil {
			t.Errorf("%s: %v", test.document, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.document, diff)
		}
	}
}

// What is wrong is reported with its path, all of it at once.
func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		document string
		want     []string // paths
	}{
		{``, []string{""}},
		{`  `, []string{""}},
		{`{`, []string{""}},
		{`{"name":"a",}`, []string{""}},
		{`[]`, []string{""}},
		{`null`, []string{""}},
		{`"x"`, []string{""}},
		{`{} {}`, []string{""}},
		{`{}x`, []string{""}},
		{`{"nmae":"a"}`, []string{"nmae"}},
		{`{"Name":"a"}`, []string{"Name"}},
		{`{"name":"a","name":"b"}`, []string{"name"}},
		{`{"name":1}`, []string{"name"}},
		{`{"name":{}}`, []string{"name"}},
		{`{"count":"1"}`, []string{"count"}},
		{`{"count":1.5}`, []string{"count"}},
		{`{"count":1e30}`, []string{"count"}},
		{`{"count":true}`, []string{"count"}},
		{`{"items":{}}`, []string{"items"}},
		{`{"items":[{},1,null,{"titel":"x"}]}`, []string{"items[1]", "items[2]", "items[3].titel"}},
		{`{"tags":"a"}`, []string{"tags"}},
		{`{"tags":{}}`, []string{"tags"}},
		{`{"tags":["a",1,null,[],"b"]}`, []string{"tags[1]", "tags[2]", "tags[3]"}},
		{`{"name":1,"items":[{"title":true}],"x":0}`, []string{"name", "items[0].title", "x"}},
		{`{"items":[{},{"title":"a","title":"a"}]}`, []string{"items[1].title"}},
		{`{"items":[{"title":"a"}],"items":[{"title":"b"}]}`, []string{"items"}},
		{`{"n\u0061me":"a","name":"b"}`, []string{"name"}},
		{`{"items":[{"title":"a","deep":{"er":[1,{"x":2}]}}]}`, []string{"items[0].deep"}},
		{`{"items":[[]],"name":[]}`, []string{"name", "items[0]"}},
		{"{\"name\":\"\xff\"}", []string{""}},
		{`{"name":"\ud83d"}`, []string{"name"}},
		{`{"name":"\ude00"}`, []string{"name"}},
		{`{"name":"\ud83dx\ude00"}`, []string{"name"}},
		{`{"items":[{"title":"\ude00\ud83d"}]}`, []string{"items[0].title"}},
		{`{"tags":["a","\ud83d"]}`, []string{"tags[1]"}},
	} {
		_, err := read(test.document)
		var mistakes *strictjson.Error
		if !errors.As(err, &mistakes) {
			t.Errorf("%s: got %v, want mistakes", test.document, err)
			continue
		}
		var got []string
		for _, mistake := range mistakes.Mistakes {
			got = append(got, mistake.Path)
			if mistake.Detail == "" {
				t.Errorf("%s: the mistake at %q has no detail", test.document, mistake.Path)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.document, diff)
		}
	}
}

// A huge list of mistakes is cut, since the answer must not outgrow the
// request.
func TestMistakesAreBounded(t *testing.T) {
	var unknown strings.Builder
	for n := range 9999 {
		fmt.Fprintf(&unknown, `"%d":0,`, n)
	}
	for name, document := range map[string]string{
		"items":                 `{"items":[` + strings.Repeat("1,", 9999) + `1]}`,
		"tags":                  `{"tags":[` + strings.Repeat("1,", 9999) + `1]}`,
		"repeated fields":       `{` + strings.Repeat(`"name":"a",`, 9999) + `"name":"a"}`,
		"unknown fields":        `{` + unknown.String() + `"name":"a"}`,
		"repeated, in an item":  `{"items":[{` + strings.Repeat(`"title":"a",`, 9999) + `"title":"a"}]}`,
		"unknown, in each item": `{"items":[` + strings.Repeat(`{"x":0},`, 9999) + `{}]}`,
	} {
		_, err := read(document)
		var mistakes *strictjson.Error
		if !errors.As(err, &mistakes) || len(mistakes.Mistakes) < 100 || len(mistakes.Mistakes) > 200 {
			t.Errorf("%s: got %.100v, want 100 mistakes or a few more", name, err)
		}
	}
}

// A reader's error is handed on as it is.
func TestReaderFails(t *testing.T) {
	want := errors.New("broken")
	if err := strictjson.Read(iotest.ErrReader(want), func(*strictjson.Object) {}); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

// No document makes the reader panic, and what it takes encoding/json takes too,
// with the same values.
func FuzzRead(f *testing.F) {
	f.Add(`{"name":"a","items":[{"title":"b"}]}`)
	f.Add(`{"items":[[]],"tags":["a",null]}`)
	f.Add(`{"name":"\ud83d\ude00","items":[{}]} `)
	f.Fuzz(func(t *testing.T, document string) {
		got, err := read(document)
		if err != nil {
			return
		}
		var plain struct {
			Name  string
			Count int
			Items []struct{ Title string }
			Tags  []string
		}
		decoder := json.NewDecoder(strings.NewReader(document))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&plain); err != nil {
			t.Fatalf("%q is taken, but: %v", document, err)
		}
		want := []string{"name=" + plain.Name}
		if plain.Count != 0 {
			want = append(want, fmt.Sprint("count=", plain.Count))
		}
		for _, item := range plain.Items {
			want = append(want, "title="+item.Title)
		}
		for _, tag := range plain.Tags {
			want = append(want, "tag="+tag)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", document, diff)
		}
		if strings.Count(strings.Join(got, ""), "\ufffd") > strings.Count(document, "\ufffd")+strings.Count(strings.ToLower(document), `\ufffd`) {
			t.Errorf("%q is taken with something else in it: %q", document, got)
		}
	})
}
