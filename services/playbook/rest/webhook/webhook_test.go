package webhook_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/store/sqlite"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/runtime/config"
	"github.com/soketsugo/soketsugo/libs/runtime/uuidv7"
	"github.com/soketsugo/soketsugo/libs/testing/long"
	"github.com/soketsugo/soketsugo/libs/testing/sqlitetest"
	migrations "github.com/soketsugo/soketsugo/migrations/playbook/sqlite"
	"github.com/soketsugo/soketsugo/services/playbook/rest/handler"
	"github.com/soketsugo/soketsugo/services/playbook/rest/webhook"
)

const (
	oldSecret = "the old secret: 1"
	newSecret = "the new secret: 2"
	reply     = `{"id":"evt-1","type":"reply","contact":"crm:1","occurred_at":"2026-01-02T03:04:05Z"}`
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fixture is a handler and a contact who is enrolled in each of two workspaces.
type fixture struct {
	http.Handler
	service    *usecase.Service
	enrolments map[domain.Workspace]string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	store, err := sqlite.Open(sqlitetest.Migrated(t, migrations.Files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	providers, err := webhook.ParseProviders(config.Secret("mailer:acme:" + oldSecret + ", mailer:acme:" + newSecret + ",dialler:rival:" + oldSecret))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{
		service:    usecase.New(store, func() time.Time { return epoch }, func() string { return uuidv7.New(time.Now()) }),
		enrolments: map[domain.Workspace]string{},
	}
	f.Handler = handler.New(f.service, providers, slog.New(slog.DiscardHandler))
	for _, workspace := range []domain.Workspace{"acme", "rival"} {
		f.enrolments[workspace] = f.enrol(t, workspace, "crm:1")
	}
	return f
}

func (f *fixture) enrol(t *testing.T, workspace domain.Workspace, contact string) string {
	t.Helper()
	playbook, err := f.service.CreatePlaybook(t.Context(), workspace, domain.Draft{Name: "n", Steps: []domain.Step{{Kind: domain.StepCall, Title: "t"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.service.ActivatePlaybook(t.Context(), workspace, playbook.ID, 0); err != nil {
		t.Fatal(err)
	}
	enrolment, err := f.service.EnrolContact(t.Context(), workspace, playbook.ID, contact)
	if err != nil {
		t.Fatal(err)
	}
	return enrolment.ID
}

func (f *fixture) wantState(t *testing.T, workspace domain.Workspace, want domain.EnrolmentState) {
	t.Helper()
	got, err := f.service.GetEnrolment(t.Context(), workspace, f.enrolments[workspace])
	if err != nil || got.State != want {
		t.Errorf("the enrolment in %s is %s, %v, want %s", workspace, got.State, err, want)
	}
}

// send sends a body as a provider, signed with a secret at a time after epoch, and
// changed on its way.
func (f *fixture) send(provider, body, secret string, after time.Duration, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/webhooks/"+provider, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	webhook.Sign(r.Header, secret, epoch.Add(after), body)
	if change != nil {
		change(r)
	}
	recorder := httptest.NewRecorder()
	f.ServeHTTP(recorder, r)
	return recorder
}

// What is signed with either secret is applied, in the provider's workspace alone,
// and once.
func TestEvents(t *testing.T) {
	for _, secret := range []string{oldSecret, newSecret} {
		f := newFixture(t)
		bounce := strings.ReplaceAll(strings.ReplaceAll(reply, "reply", "bounce"), "evt-1", "evt-0")
		for _, step := range []struct {
			body string
			want domain.EnrolmentState
		}{{bounce, domain.EnrolmentPaused}, {reply, domain.EnrolmentCancelled}} {
			if got := f.send("mailer", step.body, secret, 0, nil); got.Code != http.StatusAccepted || got.Body.Len() > 0 {
				t.Errorf("got %d %s, want 202", got.Code, got.Body)
			}
			f.wantState(t, "acme", step.want)
			f.wantState(t, "rival", domain.EnrolmentActive)
		}
		f.enrolments["acme"] = f.enrol(t, "acme", "crm:1")
		if got := f.send("mailer", reply, secret, time.Minute, nil); got.Code != http.StatusAccepted {
			t.Errorf("again: got %d %s, want 202", got.Code, got.Body)
		}
		f.wantState(t, "acme", domain.EnrolmentActive)
	}
}

// Whatever is wrong with the provider, the signature or the time, the answer is the
// same to the byte, and nothing is done.
func TestRefusals(t *testing.T) {
	f := newFixture(t)
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	good := httptest.NewRequest(http.MethodPost, "/", nil)
	webhook.Sign(good.Header, oldSecret, epoch, reply)
	signature := good.Header.Get("X-Signature")
	type answer struct {
		Status int
		Header http.Header
		Body   string
	}
	var first *answer
	for _, test := range []struct {
		name, provider, secret string
		after                  time.Duration
		change                 func(*http.Request)
	}{
		{"a wrong secret", "mailer", "another secret: 1", 0, nil},
		{"no secret", "mailer", "", 0, nil},
		{"the secret of nobody", "dialler", "", 0, nil},
		{"the secret of another provider", "dialler", newSecret, 0, nil},
		{"an unknown provider", "fax", oldSecret, 0, nil},
		{"an unknown provider without a secret", "fax", "", 0, nil},
		{"too old", "mailer", oldSecret, -5*time.Minute - time.Second, nil},
		{"too early", "mailer", oldSecret, 5*time.Minute + time.Second, nil},
		{"another time", "mailer", oldSecret, time.Second, header("X-Timestamp", fmt.Sprint(epoch.Unix()))},
		{"no time", "mailer", oldSecret, 0, header("X-Timestamp")},
		{"a time with a plus", "mailer", oldSecret, 0, header("X-Timestamp", fmt.Sprintf("+%d", epoch.Unix()))},
		{"a time of words", "mailer", oldSecret, 0, header("X-Timestamp", epoch.Format(time.RFC3339))},
		{"a time beyond all times", "mailer", oldSecret, 0, header("X-Timestamp", strings.Repeat("9", 30))},
		{"no signature", "mailer", oldSecret, 0, header("X-Signature")},
		{"two signatures", "mailer", oldSecret, 0, header("X-Signature", signature, signature)},
		{"no algorithm", "mailer", oldSecret, 0, header("X-Signature", strings.TrimPrefix(signature, "sha256="))},
		{"another algorithm", "mailer", oldSecret, 0, header("X-Signature", strings.Replace(signature, "sha256", "sha1", 1))},
		{"a short signature", "mailer", oldSecret, 0, header("X-Signature", signature[:len(signature)-2])},
		{"a long signature", "mailer", oldSecret, 0, header("X-Signature", signature+"00")},
		{"no hexadecimal", "mailer", oldSecret, 0, header("X-Signature", signature[:len(signature)-1]+"x")},
		{"another body", "mailer", oldSecret, 0, func(r *http.Request) {
			r.Body = http.NoBody
		}},
	} {
		recorder := f.send(test.provider, reply, test.secret, test.after, test.change)
		got := &answer{recorder.Code, recorder.Header(), recorder.Body.String()}
		if first == nil {
			first = got
			t.Logf("%d %v %s", got.Status, got.Header, got.Body)
		}
		if diff := cmp.Diff(first, got); diff != "" {
			t.Errorf("%s: another answer (-first +got):\n%s", test.name, diff)
		}
	}
	if first.Status != http.StatusUnauthorized || first.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("the answer is %+v, want 401", first)
	}
	f.wantState(t, "acme", domain.EnrolmentActive)
	f.wantState(t, "rival", domain.EnrolmentActive)
	for _, after := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		body := strings.ReplaceAll(reply, "evt-1", "evt"+after.String())
		if got := f.send("mailer", body, oldSecret, after, nil); got.Code != http.StatusAccepted {
			t.Errorf("after %s: got %d %s, want 202", after, got.Code, got.Body)
		}
	}
}

// What is signed and wrong is told where it is wrong.
func TestMistakes(t *testing.T) {
	f := newFixture(t)
	for _, test := range []struct {
		body, field string
		status      int
	}{
		{`{}`, "occurred_at", http.StatusBadRequest},
		{strings.Replace(reply, "evt-1", "", 1), "id", http.StatusBadRequest},
		{strings.Replace(reply, "reply", "opened", 1), "type", http.StatusBadRequest},
		{strings.Replace(reply, "crm:1", "", 1), "contact", http.StatusBadRequest},
		{strings.Replace(reply, "2026-01-02T03:04:05Z", "yesterday", 1), "occurred_at", http.StatusBadRequest},
		{strings.Replace(reply, "2026", "0001", 1), "occurred_at", http.StatusBadRequest},
		{strings.Replace(reply, "{", `{"x":1,`, 1), "x", http.StatusBadRequest},
		{strings.Replace(reply, "{", `{"id":"twice",`, 1), "id", http.StatusBadRequest},
		{reply + reply, "", http.StatusBadRequest},
		{"", "", http.StatusBadRequest},
		{strings.Replace(reply, "crm:1", strings.Repeat("x", 16<<10), 1), "", http.StatusRequestEntityTooLarge},
	} {
		got := f.send("mailer", test.body, oldSecret, 0, nil)
		var problem struct{ Errors []struct{ Field string } }
		if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil || got.Code != test.status {
			t.Errorf("%.80s: got %d %s, %v, want %d", test.body, got.Code, got.Body, err, test.status)
			continue
		}
		if test.field != "" && (len(problem.Errors) == 0 || problem.Errors[0].Field != test.field) {
			t.Errorf("%.80s: got %s, want a mistake in %s", test.body, got.Body, test.field)
		}
	}
	f.wantState(t, "acme", domain.EnrolmentActive)
}

// A thousand repetitions of one webhook are all accepted, and applied once.
func TestRepetitions(t *testing.T) {
	long.Test(t)
	f := newFixture(t)
	begin := time.Now()
	var group sync.WaitGroup
	turns := make(chan struct{}, 32)
	for range 1000 {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			if got := f.send("mailer", strings.Replace(reply, "reply", "bounce", 1), oldSecret, 0, nil); got.Code != http.StatusAccepted {
				t.Errorf("got %d %s, want 202", got.Code, got.Body)
			}
		})
	}
	group.Wait()
	t.Logf("1,000 repetitions took %s", time.Since(begin).Round(time.Millisecond))
	f.wantState(t, "acme", domain.EnrolmentPaused)
	// What somebody resumed meanwhile is not paused by one more.
	if _, err := f.service.ResumeEnrolment(t.Context(), "acme", f.enrolments["acme"]); err != nil {
		t.Fatal(err)
	}
	f.send("mailer", strings.Replace(reply, "reply", "bounce", 1), oldSecret, 0, nil)
	f.wantState(t, "acme", domain.EnrolmentActive)
}

// Who may tell of events is read strictly, and mistakes show no secret.
func TestParseProviders(t *testing.T) {
	const secret = "hunter2-hunter2-hunter2"
	for text, want := range map[string]string{
		"":                      "",
		"mailer:acme:" + secret: "",
		"mailer:acme:" + secret + ",mailer:acme:x" + secret: "",
		"mailer:acme:" + secret + ":with:colons":            "",
		secret:                                              "entry 1 is not",
		"mailer:" + secret:                                  "entry 1 is not",
		"mailer:acme:" + secret + ",":                       "entry 2 is not",
		"Mailer:acme:" + secret:                             "the provider must",
		"mailer:Acme:" + secret:                             "the workspace must",
		":acme:" + secret:                                   "the provider must",
		"mailer:acme:hunter2":                               "at least 16 bytes",
		"mailer:acme:" + secret + ",mailer:rival:" + secret: "another workspace",
		"mailer:acme:1" + secret + ",mailer:acme:2" + secret + ",mailer:acme:3" + secret: "2 secrets already",
	} {
		_, err := webhook.ParseProviders(config.Secret(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

// No header is taken for a signature that is not that of the body, and none makes
// the reader fail.
func FuzzSignature(f *testing.F) {
	header := http.Header{}
	webhook.Sign(header, oldSecret, epoch, reply)
	f.Add(header.Get("X-Timestamp"), header.Get("X-Signature"), []byte(reply))
	f.Add("", "", []byte{})
	f.Add("-1", "sha256=", []byte("x"))
	f.Add("1", "sha256="+strings.Repeat("0", 64), []byte("x"))
	f.Fuzz(func(t *testing.T, timestamp, signature string, body []byte) {
		given := http.Header{"X-Timestamp": {timestamp}, "X-Signature": {signature}}
		if !webhook.Verify(given, oldSecret, body) {
			return
		}
		var seconds int64
		if _, err := fmt.Sscan(timestamp, &seconds); err != nil {
			t.Fatalf("the timestamp %q is taken: %v", timestamp, err)
		}
		want := http.Header{}
		webhook.Sign(want, oldSecret, time.Unix(seconds, 0), string(body))
		if want.Get("X-Timestamp") != timestamp || !strings.EqualFold(want.Get("X-Signature"), signature) {
			t.Errorf("%q, %q is taken, want %v", timestamp, signature, want)
		}
	})
}
