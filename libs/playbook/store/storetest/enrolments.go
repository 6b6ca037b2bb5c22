package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
	"github.com/soketsugo/soketsugo/libs/testing/long"
)

// Of many contacts that are enrolled at once, those that have a live enrolment are
// left out, also where it is one of before in the list, and the others are in.
func bulk(t *testing.T, store Store) {
	playbook, other := createActive(t, store, 1), createActive(t, store, 2)
	for _, live := range []domain.Enrolment{newEnrolment(t, 3, playbook, "b"), newEnrolment(t, 4, other, "a")} {
		if err := store.CreateEnrolment(t.Context(), workspace, live, firstTask(live)); err != nil {
			t.Fatalf("CreateEnrolment: %v", err)
		}
	}
	contacts := []string{"a", "b", "\"O'Brien\" \\ ☎ <&> \u2028.", "a", "c"}
	enrolments := make([]domain.Enrolment, len(contacts))
	for i, contact := range contacts {
		enrolments[i] = newEnrolment(t, 10+i, playbook, contact)
	}
	stored, err := store.CreateEnrolments(t.Context(), workspace, enrolments, firstTasks(enrolments))
	if err != nil {
		t.Fatalf("CreateEnrolments: %v", err)
	}
	want := []bool{true, false, true, false, true}
	wantEqual(t, "what is stored", stored, want)
	for i, enrolment := range enrolments {
		got, err := store.Enrolment(t.Context(), workspace, enrolment.ID)
		if !want[i] {
			wantKind(t, "Enrolment of one left out", err, domain.NotFound)
			continue
		}
		if err != nil {
			t.Fatalf("Enrolment: %v", err)
		}
		wantEqual(t, "the enrolment", got, enrolment)
	}
	again := slices.Clone(enrolments)
	for i := range again {
		again[i].ID = id(20 + i)
	}
	stored, err = store.CreateEnrolments(t.Context(), workspace, again, firstTasks(again))
	if err != nil {
		t.Fatalf("CreateEnrolments: %v", err)
	}
	wantEqual(t, "what is stored the second time", stored, make([]bool, len(again)))
}

// Enrolments that were worked out from an old revision, or in no playbook of the
// workspace, are refused as a whole.
func bulkInChangedPlaybook(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	enrolments := []domain.Enrolment{newEnrolment(t, 2, playbook, "a"), newEnrolment(t, 3, playbook, "b")}
	_, err := store.CreateEnrolments(t.Context(), stranger, enrolments, firstTasks(enrolments))
	wantKind(t, "CreateEnrolments elsewhere", err, domain.NotFound)
	archived, err := playbook.Archive(epoch)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.UpdatePlaybook(t.Context(), workspace, archived, playbook.Revision); err != nil {
		t.Fatalf("UpdatePlaybook: %v", err)
	}
	_, err = store.CreateEnrolments(t.Context(), workspace, enrolments, firstTasks(enrolments))
	wantKind(t, "CreateEnrolments", err, domain.Conflict)
	for _, enrolment := range enrolments {
		_, err := store.Enrolment(t.Context(), workspace, enrolment.ID)
		wantKind(t, "Enrolment", err, domain.NotFound)
	}
}

// Many enrol overlapping contacts in other orders at once: each contact is in
// exactly once, and nobody fails because of the others.
func concurrentBulk(t *testing.T, store Store) {
	const callers, contacts = 8, 60
	playbook := createActive(t, store, 1)
	counts := make([][]bool, callers)
	var group sync.WaitGroup
	for caller := range callers {
		enrolments := make([]domain.Enrolment, contacts)
		for i := range enrolments {
			// Half of them in reverse.
			contact := i
			if caller%2 == 1 {
				contact = contacts - 1 - i
			}
			enrolments[i] = newEnrolment(t, 100+caller*contacts+i, playbook, fmt.Sprintf("contact %d", contact))
		}
		group.Go(func() {
			stored, err := store.CreateEnrolments(t.Context(), workspace, enrolments, firstTasks(enrolments))
			if err != nil {
				t.Errorf("CreateEnrolments: %v", err)
			}
			counts[caller] = stored
		})
	}
	group.Wait()
	total := 0
	for _, stored := range counts {
		for _, is := range stored {
			if is {
				total++
			}
		}
	}
	if total != contacts {
		t.Errorf("%d enrolments were stored, want %d", total, contacts)
	}
}

// Pages of a playbook's enrolments, put together, are the whole list in order,
// whatever it is narrowed down to.
func enrolmentPages(t *testing.T, store Store) {
	playbook, other := createActive(t, store, 1), createActive(t, store, 2)
	states := []domain.EnrolmentState{domain.EnrolmentCompleted, domain.EnrolmentCancelled, domain.EnrolmentCompleted, domain.EnrolmentActive, domain.EnrolmentPaused}
	var all []domain.Enrolment
	for i, state := range states {
		for _, contact := range []string{"a", "b"} {
			enrolment := newEnrolment(t, 10+len(all), playbook, contact)
			enrolment.State = state
			if i == len(states)-1 {
				enrolment.Contact += "2"
			}
			// Times that are equal, so that IDs decide.
			enrolment.CreatedAt = epoch.Add(time.Duration(i/2) * time.Microsecond)
			if err := store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment)); err != nil {
				t.Fatalf("CreateEnrolment: %v", err)
			}
			all = append([]domain.Enrolment{enrolment}, all...)
		}
	}
	if err := store.CreateEnrolment(t.Context(), workspace, newEnrolment(t, 99, other, "a"), firstTask(newEnrolment(t, 99, other, "a"))); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	for _, filter := range []usecase.EnrolmentFilter{
		{PlaybookID: playbook.ID},
		{PlaybookID: playbook.ID, State: domain.EnrolmentCompleted},
		{PlaybookID: playbook.ID, Contact: "b"},
		{PlaybookID: playbook.ID, State: domain.EnrolmentCompleted, Contact: "a"},
		{PlaybookID: playbook.ID, Contact: "nobody"},
		{PlaybookID: id(3)},
	} {
		var want []domain.Enrolment
		for _, e := range all {
			if e.PlaybookID == filter.PlaybookID && (filter.State == "" || e.State == filter.State) && (filter.Contact == "" || e.Contact == filter.Contact) {
				want = append(want, e)
			}
		}
		for _, size := range []int{1, 3, len(all) + 1} {
			var got []domain.Enrolment
			var after *usecase.Position
			for {
				page, err := store.Enrolments(t.Context(), workspace, filter, after, size)
				if err != nil {
					t.Fatalf("Enrolments: %v", err)
				}
				if len(page) > size {
					t.Fatalf("Enrolments returned %d, want at most %d", len(page), size)
				}
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				last := page[len(page)-1]
				after = &usecase.Position{CreatedAt: last.CreatedAt, ID: last.ID}
			}
			wantEqual(t, fmt.Sprintf("%+v in pages of %d", filter, size), got, want)
		}
		elsewhere, err := store.Enrolments(t.Context(), stranger, filter, nil, 10)
		if err != nil {
			t.Fatalf("Enrolments: %v", err)
		}
		wantEqual(t, fmt.Sprintf("%+v of a stranger", filter), elsewhere, []domain.Enrolment(nil))
	}
}

// Crowd enrols one contact a thousand times at once: one is in, and all others are
// told why not. It is not a part of Run, of which every statement is recorded.
func Crowd(t *testing.T, open func(t *testing.T) Store) {
	long.Test(t)
	store := open(t)
	playbook := createActive(t, store, 1)
	const crowd = 1000
	enrolments := make([]domain.Enrolment, crowd)
	for n := range enrolments {
		enrolments[n] = newEnrolment(t, 10+n, playbook, "a")
	}
	begin := time.Now()
	wantOneWinner(t, crowd, domain.AlreadyExists, func(n int) error {
		return store.CreateEnrolment(t.Context(), workspace, enrolments[n], firstTask(enrolments[n]))
	})
	t.Logf("%d enrolments of one contact took %s", crowd, time.Since(begin).Round(time.Millisecond))
}
