package stepjson_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/stepjson"
)

// The form is fixed: rows written long ago must be read for ever.
func TestForm(t *testing.T) {
	for _, test := range []struct {
		steps []domain.Step
		text  string
	}{
		{nil, `[]`},
		{
			[]domain.Step{{Kind: domain.StepWait, Title: "疎 \"x\""}, {Kind: domain.StepCall, Title: "c", Delay: 90 * time.Second}},
			`[{"kind":"WAIT","title":"疎 \"x\"","delay_seconds":0},{"kind":"CALL","title":"c","delay_seconds":90}]`,
		},
	} {
		text, err := stepjson.Encode(test.steps)
		if err != nil || text != test.text {
			t.Errorf("Encode: got %s, %v; want %s", text, err, test.text)
		}
		steps, err := stepjson.Decode(test.text)
		if err != nil {
			t.Errorf("Decode(%s): %v", test.text, err)
		}
		if diff := cmp.Diff(test.steps, steps); diff != "" {
			t.Errorf("Decode(%s) (-want +got):\n%s", test.text, diff)
		}
	}
}

// A row that is not in the form is an error, not an empty list.
func TestDecodeRefuses(t *testing.T) {
	for _, text := range []string{``, `{}`, `[1]`, `[{"delay_seconds":"x"}]`} {
		if _, err := stepjson.Decode(text); err == nil {
			t.Errorf("Decode(%s): got no error", text)
		}
	}
}
