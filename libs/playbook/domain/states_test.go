package domain_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// sequences is how many random lives are lived, each of length steps.
const (
	sequences = 2000
	length    = 30
)

// Whatever is done to a playbook, it is where a model of a few rules says, its
// revision grows by one with every change and with nothing else, and what fails
// changes nothing. Contacts are enrolled in the revision of the moment, whose steps
// stay as they were.
func TestPlaybookStates(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	step := domain.Step{Kind: domain.StepCall, Title: "t"}
	for range sequences {
		p, err := domain.NewPlaybook(id, domain.Draft{Name: "n"}, now)
		if err != nil {
			t.Fatal(err)
		}
		state, steps, name, revision := domain.PlaybookDraft, 0, "n", int64(1)
		// The playbook at each revision, and how many steps it had there.
		versions, counts := map[int64]domain.Playbook{1: p}, map[int64]int{1: 0}
		var enrolled []domain.Enrolment
		for i := range length {
			at := now.Add(time.Duration(random.IntN(1000)-500) * time.Second)
			before := p
			var got domain.Playbook
			allowed, changes := true, false
			switch random.IntN(5) {
			case 0:
				got, err = p.Activate(at)
				allowed = state == domain.PlaybookActive || state == domain.PlaybookDraft && steps > 0
				if changes = allowed && state == domain.PlaybookDraft; changes {
					state = domain.PlaybookActive
				}
			case 1:
				got, err = p.Archive(at)
				allowed = state != domain.PlaybookDraft
				if changes = state == domain.PlaybookActive; changes {
					state = domain.PlaybookArchived
				}
			case 2:
				other := string(rune('a' + random.IntN(3)))
				got, err = p.Apply(domain.Change{Name: &other}, at)
				changes = other != name
				if allowed = !changes || state != domain.PlaybookArchived; changes && allowed {
					name = other
				}
			case 3:
				others := slices.Repeat([]domain.Step{step}, random.IntN(3))
				got, err = p.Apply(domain.Change{Steps: &others}, at)
				changes = len(others) != steps
				allowed = !changes || state == domain.PlaybookDraft || state == domain.PlaybookActive && len(others) > 0
				if changes && allowed {
					steps = len(others)
				}
			default:
				var enrolment domain.Enrolment
				enrolment, err = domain.Enrol(id, p, "c", at)
				got = p
				if allowed = state == domain.PlaybookActive; allowed {
					if enrolment.PlaybookRevision != revision {
						t.Fatalf("step %d on %+v: the contact is enrolled in revision %d, want %d", i, before, enrolment.PlaybookRevision, revision)
					}
					enrolled = append(enrolled, enrolment)
				}
			}
			if (err == nil) != allowed || err != nil && domain.KindOf(err) != domain.FailedPrecondition {
				t.Fatalf("step %d on %+v: got %v, want success: %v", i, before, err, allowed)
			}
			if !allowed {
				continue
			}
			if changes {
				revision++
			}
			if got.State != state || got.Revision != revision || got.Name != name || len(got.Steps) != steps || got.UpdatedAt.Before(before.UpdatedAt) {
				t.Fatalf("step %d on %+v: got %+v, want %s at revision %d with %d steps", i, before, got, state, revision, steps)
			}
			p = got
			versions[revision], counts[revision] = got, steps
		}
		for _, enrolment := range enrolled {
			if got := len(versions[enrolment.PlaybookRevision].Steps); got != counts[enrolment.PlaybookRevision] || got == 0 {
				t.Fatalf("an enrolment's revision %d has %d steps, want %d", enrolment.PlaybookRevision, got, counts[enrolment.PlaybookRevision])
			}
		}
	}
}

// Whatever is done to an enrolment, it moves along these lines only.
func TestEnrolmentStates(t *testing.T) {
	moves := []struct {
		do   func(domain.Enrolment) (domain.Enrolment, error)
		to   domain.EnrolmentState
		from []domain.EnrolmentState
	}{
		{domain.Enrolment.Pause, domain.EnrolmentPaused, []domain.EnrolmentState{domain.EnrolmentActive}},
		{domain.Enrolment.Resume, domain.EnrolmentActive, []domain.EnrolmentState{domain.EnrolmentPaused}},
		{domain.Enrolment.Cancel, domain.EnrolmentCancelled, []domain.EnrolmentState{domain.EnrolmentActive, domain.EnrolmentPaused}},
	}
	for _, state := range domain.EnrolmentStates() {
		for _, move := range moves {
			before := domain.Enrolment{ID: id, State: state, CurrentStep: 3, DueAt: now}
			after, err := move.do(before)
			if want := state == move.to || slices.Contains(move.from, state); (err == nil) != want {
				t.Errorf("from %s to %s: got %v, want success: %v", state, move.to, err, want)
			}
			if err != nil {
				if domain.KindOf(err) != domain.FailedPrecondition {
					t.Errorf("from %s to %s: got %v", state, move.to, err)
				}
				continue
			}
			before.State = move.to
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("from %s to %s (-want +got):\n%s", state, move.to, diff)
			}
		}
	}
}

// A change is as valid as what is made new.
func TestApplyRefuses(t *testing.T) {
	p, err := domain.NewPlaybook(id, domain.Draft{Name: "n"}, now)
	if err != nil {
		t.Fatal(err)
	}
	empty, odd := "", "a\x00b"
	_, err = p.Apply(domain.Change{Name: &empty, Description: &odd, Steps: &[]domain.Step{{}}}, now)
	want := []string{"name", "description", "steps[0].kind", "steps[0].title"}
	if diff := cmp.Diff(want, fields(err)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
