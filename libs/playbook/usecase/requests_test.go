package usecase_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// A request is done once, and again when it was given back, given up or forgotten.
func TestLifeOfARequest(t *testing.T) {
	service, _, clock := newSpied(t)
	request := usecase.Request{KeyID: id(99), Key: "k", Fingerprint: [32]byte{1}}
	other := request
	other.Fingerprint[0]++
	answer := usecase.Answer{Status: 201, Header: map[string]string{"Etag": `"1"`}, Body: []byte("{}")}
	claim := func(after time.Duration) usecase.RequestClaim {
		t.Helper()
		clock.now = epoch.Add(after)
		claim, earlier, err := service.BeginRequest(t.Context(), workspace, request)
		if err != nil || earlier != nil {
			t.Fatalf("after %s: got %v, %v, want a claim", after, earlier, err)
		}
		return claim
	}
	end := func(claim usecase.RequestClaim, answer *usecase.Answer, want domain.Kind) {
		t.Helper()
		if err := service.EndRequest(t.Context(), workspace, claim, answer); domain.KindOf(err) != want {
			t.Errorf("EndRequest: got %v, want %v", err, want)
		}
	}
	refused := func(request usecase.Request, want domain.Kind) {
		t.Helper()
		if _, _, err := service.BeginRequest(t.Context(), workspace, request); domain.KindOf(err) != want {
			t.Errorf("BeginRequest: got %v, want %v", err, want)
		}
	}

	end(claim(0), nil, 0)
	crashed := claim(0)
	refused(request, domain.Conflict)
	refused(other, domain.FailedPrecondition)
	// The holder is within its time, and then its claim is not given up for a while.
	clock.now = epoch.Add(usecase.RequestTime + 30*time.Second)
	refused(request, domain.Conflict)
	next := claim(2 * usecase.RequestTime)
	end(crashed, &answer, domain.Conflict)
	end(next, &answer, 0)
	refused(other, domain.FailedPrecondition)
	clock.now = next.At.Add(usecase.AnswerLife - time.Second)
	_, earlier, err := service.BeginRequest(t.Context(), workspace, request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&answer, earlier); diff != "" {
		t.Errorf("the answer (-want +got):\n%s", diff)
	}
	request = other
	claim(2*usecase.RequestTime + usecase.AnswerLife)
}

// purges counts what a store is asked to remove.
type purges struct {
	usecase.Store
	requests, events int
	err              error
}

func (p *purges) PurgeRequests(ctx context.Context, workspace domain.Workspace, at time.Time, limit int) error {
	p.requests++
	if p.err != nil {
		return p.err
	}
	return p.Store.PurgeRequests(ctx, workspace, at, limit)
}

func (p *purges) PurgeEvents(ctx context.Context, workspace domain.Workspace, before time.Time, limit int) error {
	p.events++
	if p.err != nil {
		return p.err
	}
	return p.Store.PurgeEvents(ctx, workspace, before, limit)
}

// What is over is removed now and then, a part at a time, and whoever comes then is
// served all the same.
func TestPurges(t *testing.T) {
	_, spy, clock := newSpied(t)
	store, count := &purges{Store: spy.Store}, 0
	service := usecase.New(store, func() time.Time { return clock.now }, func() string {
		count++
		return id(count)
	})
	begin := func(n int) {
		t.Helper()
		request := usecase.Request{KeyID: id(99), Key: fmt.Sprint(n)}
		if _, earlier, err := service.BeginRequest(t.Context(), workspace, request); err != nil || earlier != nil {
			t.Fatalf("request %d: got %v, %v", n, earlier, err)
		}
		event := domain.Event{Provider: "mailer", ID: fmt.Sprint(n), Type: domain.EventReply, Contact: "c", OccurredAt: epoch}
		if _, err := service.ApplyEvent(t.Context(), workspace, event); err != nil {
			t.Fatalf("event %d: %v", n, err)
		}
	}
	for n := range 100 {
		begin(n)
	}
	if store.requests != 1 || store.events != 1 {
		t.Errorf("100 requests and events removed what is over %d and %d times, want once", store.requests, store.events)
	}
	clock.now = epoch.Add(usecase.EventLife + time.Hour)
	store.err = domain.Errorf(domain.Unavailable, "the disk is full")
	for n := range 64 {
		begin(1000 + n)
	}
	store.err = nil
	for n := range 64 {
		begin(2000 + n)
	}
	if store.requests != 3 || store.events != 3 {
		t.Errorf("%d and %d times, want 3", store.requests, store.events)
	}
}

// An event moves what is live, once; what is no event is refused.
func TestApplyEvent(t *testing.T) {
	service := newService(t)
	playbook := create(t, service, domain.Step{Kind: domain.StepCall, Title: "t"})
	if _, err := service.ActivatePlaybook(t.Context(), workspace, playbook.ID, 0); err != nil {
		t.Fatal(err)
	}
	enrolment, err := service.EnrolContact(t.Context(), workspace, playbook.ID, "crm:1")
	if err != nil {
		t.Fatal(err)
	}
	event := domain.Event{Provider: "mailer", ID: "e", Type: domain.EventUnsubscribe, Contact: "crm:1", OccurredAt: epoch}
	for _, want := range []int{1, 0} {
		if moved, err := service.ApplyEvent(t.Context(), workspace, event); err != nil || moved != want {
			t.Errorf("ApplyEvent: got %d, %v, want %d", moved, err, want)
		}
	}
	got, err := service.GetEnrolment(t.Context(), workspace, enrolment.ID)
	if err != nil || got.State != domain.EnrolmentCancelled {
		t.Errorf("the enrolment is %s, %v, want CANCELLED", got.State, err)
	}
	event.Type = "opened"
	if _, err := service.ApplyEvent(t.Context(), workspace, event); domain.KindOf(err) != domain.Invalid {
		t.Errorf("another type: got %v, want %v", err, domain.Invalid)
	}
}
