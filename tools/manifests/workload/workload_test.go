package workload_test

import (
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/tools/manifests/workload"
)

const good = `{"service":"shop","process":"rest","kind":"rest","replicas":{"min":2,"max":6},
	"resources":{"cpu":"100m","memory":"64Mi","cpuLimit":"1","memoryLimit":"128Mi"},
	"env":{"LOG_LEVEL":"debug"},"secrets":{"DATABASE_URL":"db/url"},"public":true,"deadline":"1h"}`

// What the macro writes is read.
func TestParse(t *testing.T) {
	w, err := workload.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if w.Name() != "shop-rest" || w.Path() != "shop/rest" || w.IsJob() || !w.Public {
		t.Errorf("got %+v", w)
	}
}

// A reference to a key of a Secret may be optional.
func TestSecretRef(t *testing.T) {
	for reference, want := range map[string]workload.SecretKey{
		"db/url":   {Secret: "db", Key: "url"},
		"db/url?":  {Secret: "db", Key: "url", Optional: true},
		"a.b/c_d?": {Secret: "a.b", Key: "c_d", Optional: true},
	} {
		if got, err := workload.SecretRef(reference); got != want || err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", reference, got, err, want)
		}
	}
	for _, reference := range []string{"?", "db?", "db/?", "db/url??", "?/url"} {
		if got, err := workload.SecretRef(reference); err == nil {
			t.Errorf("%q is taken: %+v", reference, got)
		}
	}
}

// Each mistake is refused with words that say what would be right.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{`"service":"shop"`, `"service":"` + strings.Repeat("long", 12) + `"`, "takes 63"},
		{`"service":"shop"`, `"service":"Shop"`, "lower-case"},
		{`"service":"shop"`, `"service":"1shop"`, "a letter first"},
		{`"kind":"rest"`, `"kind":"cron"`, "take grpc, rest, worker or migrate"},
		{`"kind":"rest"`, `"kind":"grpc"`, "public = True"},
		{`"min":2`, `"min":0`, "replicas from 0 to 6"},
		{`"min":2`, `"min":7`, "replicas from 7 to 6"},
		{`"cpu":"100m"`, `"cpu":"100mm"`, `cpu = "100mm" is no quantity`},
		{`"memory":"64Mi"`, `"memory":"-1"`, `memory = "-1" is no quantity`},
		{`"memoryLimit":"128Mi"`, `"memoryLimit":"1Mi"`, "is less than memory"},
		{`"memoryLimit":"128Mi"`, `"memoryLimit":""`, "memory_limit"},
		{`"LOG_LEVEL":"debug"`, `"log-level":"debug"`, "capital letters"},
		{`"LOG_LEVEL":"debug"`, `"LOG_LEVEL":"a\nB=c"`, "one line"},
		{`"LOG_LEVEL":"debug"`, `"DATABASE_URL":"x"`, "both env and secrets"},
		{`"db/url"`, `"db"`, "SECRET/KEY"},
		{`"db/url"`, `""`, "SECRET/KEY"},
		{`"db/url"`, `"DB/url"`, "SECRET/KEY"},
		{`"public":true`, `"pubic":true`, "unknown field"},
		{`"kind":"rest","replicas":{"min":2,"max":6}`, `"kind":"migrate"`, "public = True"},
		{`"public":true,"deadline":"1h"`, `"deadline":"soon","kind":"migrate"`, "take a duration"},
	} {
		if !strings.Contains(good, test.old) {
			t.Fatalf("%s is not there to be replaced", test.old)
		}
		_, err := workload.Parse([]byte(strings.Replace(good, test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.new, err, test.want)
		}
	}
}
