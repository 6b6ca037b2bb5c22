package domain_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

const token = "0190b0a4-7c3e-7b1a-8f1e-000000000001"

// Waiting is not work: it only puts off what comes after it.
func TestNextWork(t *testing.T) {
	wait := func(hours time.Duration) domain.Step {
		return domain.Step{Kind: domain.StepWait, Title: "w", Delay: hours * time.Hour}
	}
	call := domain.Step{Kind: domain.StepCall, Title: "c", Delay: time.Minute}
	for _, test := range []struct {
		name  string
		steps []domain.Step
		from  int
		want  domain.Work
		found bool
	}{
		{"the first step", []domain.Step{call, wait(1)}, 0, domain.Work{Step: 0, Kind: domain.StepCall, Title: "c", After: time.Minute}, true},
		{"behind two that wait", []domain.Step{wait(1), wait(2), call}, 0, domain.Work{Step: 2, Kind: domain.StepCall, Title: "c", After: 3*time.Hour + time.Minute}, true},
		{"from the middle", []domain.Step{call, wait(5), wait(2), call}, 2, domain.Work{Step: 3, Kind: domain.StepCall, Title: "c", After: 2*time.Hour + time.Minute}, true},
		{"nothing but waiting", []domain.Step{wait(1), wait(2)}, 0, domain.Work{}, false},
		{"waiting at the end", []domain.Step{call, wait(1)}, 1, domain.Work{}, false},
		{"behind the end", []domain.Step{call}, 1, domain.Work{}, false},
		{"no steps", nil, 0, domain.Work{}, false},
	} {
		got, found := domain.NextWork(test.steps, test.from)
		if diff := cmp.Diff(test.want, got); diff != "" || found != test.found {
			t.Errorf("%s: found %v, want %v (-want +got):\n%s", test.name, found, test.found, diff)
		}
	}
}

// A playbook that only waits has nothing to do: it can be neither activated nor
// enrolled in, and an active one does not become one.
func TestPlaybookOfWaits(t *testing.T) {
	steps := []domain.Step{{Kind: domain.StepWait, Title: "w", Delay: time.Hour}}
	draft, err := domain.NewPlaybook(id, domain.Draft{Name: "n", Steps: steps}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := draft.Activate(now); domain.KindOf(err) != domain.FailedPrecondition {
		t.Errorf("Activate: got %v", err)
	}
	active := draft
	active.State = domain.PlaybookActive
	if _, err := domain.Enrol(id, active, "c", now); domain.KindOf(err) != domain.FailedPrecondition {
		t.Errorf("Enrol: got %v", err)
	}
	active.Steps = append(steps, domain.Step{Kind: domain.StepCall, Title: "c"})
	if _, err := active.Apply(domain.Change{Steps: &steps}, now); domain.KindOf(err) != domain.FailedPrecondition {
		t.Errorf("Apply: got %v", err)
	}
}

// An enrolment begins at the first work, and its task is about that.
func TestFirstTask(t *testing.T) {
	playbook := domain.Playbook{ID: id, State: domain.PlaybookActive, Revision: 7, Steps: []domain.Step{
		{Kind: domain.StepWait, Title: "w", Delay: time.Hour}, {Kind: domain.StepEmail, Title: "e", Delay: time.Minute},
	}}
	enrolment, err := domain.Enrol(id, playbook, "c", now)
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 3, 4, 5, 7, 7, 123456000, time.UTC)
	if enrolment.CurrentStep != 1 || !enrolment.DueAt.Equal(due) {
		t.Errorf("the enrolment is at step %d, due at %s", enrolment.CurrentStep, enrolment.DueAt)
	}
	want := domain.Task{
		ID: token, EnrolmentID: id, PlaybookID: id, PlaybookRevision: 7, Contact: "c", Step: 1, Kind: domain.StepEmail, Title: "e",
		DueAt: due, State: domain.TaskPending, ClaimableAt: due,
	}
	if diff := cmp.Diff(want, domain.FirstTask(token, enrolment, playbook.Steps)); diff != "" {
		t.Errorf("FirstTask (-want +got):\n%s", diff)
	}
}

// A claim is checked as a whole, and what it leaves out has a value.
func TestNewClaim(t *testing.T) {
	for _, test := range []struct {
		name   string
		holder string
		limit  int
		lease  time.Duration
		want   domain.Claim
		fields []string
	}{
		{"the least", "h", 0, 0, domain.Claim{Holder: "h", Limit: 1, Token: token, Lease: domain.DefaultLease}, nil},
		{"the most", strings.Repeat("é", 200), 100, 12 * time.Hour, domain.Claim{Holder: strings.Repeat("é", 200), Limit: 100, Token: token, Lease: 12 * time.Hour}, nil},
		{"a second", "h", 1, time.Second, domain.Claim{Holder: "h", Limit: 1, Token: token, Lease: time.Second}, nil},
		{"everything wrong", "", 101, time.Millisecond, domain.Claim{}, []string{"holder", "limit", "lease"}},
		{"the other way", strings.Repeat("é", 201), -1, 12*time.Hour + 1, domain.Claim{}, []string{"holder", "limit", "lease"}},
		{"a negative lease", "h", 1, -time.Second, domain.Claim{}, []string{"lease"}},
	} {
		got, err := domain.NewClaim(token, test.holder, test.limit, test.lease)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if diff := cmp.Diff(test.fields, fields(err)); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", test.name, diff)
		}
	}
}

// An outcome is some text, and not too much.
func TestCheckOutcome(t *testing.T) {
	for outcome, want := range map[string]bool{
		"": false, "done": true, "a\nb\tc": true, "a\x00b": false, strings.Repeat("é", 1000): true, strings.Repeat("é", 1001): false,
	} {
		if err := domain.CheckOutcome(outcome); (err == nil) != want {
			t.Errorf("%.20q: got %v, want success: %v", outcome, err, want)
		}
	}
}

// Each retry waits longer, up to a limit, and the last attempt has none.
func TestRetry(t *testing.T) {
	for attempt, want := range map[int]time.Duration{1: time.Minute, 2: 4 * time.Minute, 3: 16 * time.Minute, 4: time.Hour} {
		if got, again := domain.Retry(attempt); got != want || !again {
			t.Errorf("after attempt %d: got %s, %v, want %s", attempt, got, again, want)
		}
	}
	for _, attempt := range []int{domain.MaxAttempts, 1 << 40} {
		if _, again := domain.Retry(attempt); again {
			t.Errorf("after attempt %d there is another one", attempt)
		}
	}
}

// Who is refused learns why.
func TestNotHeld(t *testing.T) {
	leased := domain.Task{ID: id, State: domain.TaskLeased, LeaseToken: token}
	for _, test := range []struct {
		name      string
		task      domain.Task
		token     string
		enrolment domain.EnrolmentState
		want      string
	}{
		{"a paused enrolment", leased, token, domain.EnrolmentPaused, "PAUSED"},
		{"a task that is done", domain.Task{ID: id, State: domain.TaskDone, LeaseToken: token}, token, domain.EnrolmentActive, "DONE"},
		{"another lease", leased, id, domain.EnrolmentActive, "another lease"},
		{"a lease that ran out", leased, token, domain.EnrolmentActive, "run out"},
	} {
		err := domain.NotHeld(test.task, test.token, test.enrolment)
		if domain.KindOf(err) != domain.FailedPrecondition || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want something with %q", test.name, err, test.want)
		}
	}
}
