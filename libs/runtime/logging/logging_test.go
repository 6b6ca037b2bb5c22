package logging_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/soketsugo/soketsugo/libs/runtime/logging"
)

// Level and format are as configured.
func TestNew(t *testing.T) {
	for _, test := range []struct {
		config logging.Config
		want   string
		lines  int
	}{
		{logging.Config{Level: "info", Format: "json"}, `"msg":"b"`, 1},
		{logging.Config{Level: "debug", Format: "text"}, `msg=a`, 2},
		{logging.Config{Level: "error", Format: "json"}, ``, 0},
	} {
		var out bytes.Buffer
		log := logging.New(&out, test.config)
		log.Debug("a")
		log.Info("b")
		if got := strings.Count(out.String(), "\n"); got != test.lines || !strings.Contains(out.String(), test.want) {
			t.Errorf("%+v: got %q, want %d lines with %q", test.config, &out, test.lines, test.want)
		}
	}
}
