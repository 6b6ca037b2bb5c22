package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// newClaim returns the n-th claim on a request, made some time after epoch.
func newClaim(n int, key string, asks byte, after time.Duration) usecase.RequestClaim {
	at := epoch.Add(after)
	return usecase.RequestClaim{
		Request: usecase.Request{KeyID: id(1000), Key: key, Fingerprint: [32]byte{asks}},
		Holder:  id(n), At: at, Until: at.Add(time.Minute), ExpiresAt: at.Add(time.Hour),
	}
}

func claimRequest(t *testing.T, store Store, claim usecase.RequestClaim) *usecase.Earlier {
	t.Helper()
	earlier, err := store.ClaimRequest(t.Context(), workspace, claim)
	if err != nil {
		t.Fatalf("ClaimRequest: %v", err)
	}
	return earlier
}

// The answer to a request is kept as it was until it expires.
func requestRoundTrip(t *testing.T, store Store) {
	for i, answer := range []usecase.Answer{
		{Status: 204, Header: map[string]string{}},
		{Status: 201, Header: map[string]string{"Content-Type": "application/json", "Etag": `"1"`}, Body: []byte("{\"a\":\"☎ \x00\"}\n")},
		{Status: 400, Header: map[string]string{}, Body: []byte(strings.Repeat("x", 10_000))},
	} {
		key := fmt.Sprintf(`key "%d" 'ü' %%`, i)
		first := newClaim(1, key, 1, 0)
		if earlier := claimRequest(t, store, first); earlier != nil {
			t.Fatalf("a new request was known: %v", earlier)
		}
		wantEqual(t, "a request that is being done", claimRequest(t, store, newClaim(2, key, 1, time.Second)), &usecase.Earlier{Fingerprint: [32]byte{1}})
		if err := store.AnswerRequest(t.Context(), workspace, first, answer); err != nil {
			t.Fatalf("AnswerRequest: %v", err)
		}
		want := &usecase.Earlier{Fingerprint: [32]byte{1}, Answer: &answer}
		// Its claim is over, but it has an answer.
		wantEqual(t, "a request that was done", claimRequest(t, store, newClaim(3, key, 1, time.Hour-time.Second)), want)
		wantEqual(t, "another request of that name", claimRequest(t, store, newClaim(4, key, 2, time.Second)), want)
		if earlier := claimRequest(t, store, newClaim(5, key, 2, time.Hour)); earlier != nil {
			t.Errorf("a request that has expired was known: %v", earlier)
		}
		wantEqual(t, "a request after one that has expired", claimRequest(t, store, newClaim(6, key, 2, time.Hour)), &usecase.Earlier{Fingerprint: [32]byte{2}})
	}
}

// The same name is another request for another key and in another workspace.
func requestsOfOthers(t *testing.T, store Store) {
	first := newClaim(1, "k", 1, 0)
	claimRequest(t, store, first)
	other := newClaim(2, "k", 2, 0)
	other.KeyID = id(2000)
	if earlier := claimRequest(t, store, other); earlier != nil {
		t.Errorf("the request of another key was known: %v", earlier)
	}
	if earlier, err := store.ClaimRequest(t.Context(), stranger, newClaim(3, "k", 3, 0)); earlier != nil || err != nil {
		t.Errorf("the request of another workspace: got %v, %v", earlier, err)
	}
	wantKind(t, "AnswerRequest from another workspace", store.AnswerRequest(t.Context(), stranger, first, usecase.Answer{Status: 200}), domain.Conflict)
	wantKind(t, "ReleaseRequest from another workspace", store.ReleaseRequest(t.Context(), stranger, first), 0)
	wantEqual(t, "the request", claimRequest(t, store, newClaim(4, "k", 1, 0)), &usecase.Earlier{Fingerprint: [32]byte{1}})
}

// A claim that was given up goes to who asks for the same next, and its late
// holder cannot end it any more.
func givenUpClaim(t *testing.T, store Store) {
	late := newClaim(1, "k", 1, 0)
	claimRequest(t, store, late)
	wantEqual(t, "before it is given up", claimRequest(t, store, newClaim(2, "k", 1, time.Minute-time.Microsecond)), &usecase.Earlier{Fingerprint: [32]byte{1}})
	wantEqual(t, "another request", claimRequest(t, store, newClaim(3, "k", 2, time.Minute)), &usecase.Earlier{Fingerprint: [32]byte{1}})
	next := newClaim(4, "k", 1, time.Minute)
	if earlier := claimRequest(t, store, next); earlier != nil {
		t.Fatalf("a claim that was given up was held: %v", earlier)
	}
	answer := usecase.Answer{Status: 201, Header: map[string]string{}}
	wantKind(t, "AnswerRequest of the late one", store.AnswerRequest(t.Context(), workspace, late, answer), domain.Conflict)
	wantKind(t, "ReleaseRequest of the late one", store.ReleaseRequest(t.Context(), workspace, late), 0)
	wantKind(t, "AnswerRequest", store.AnswerRequest(t.Context(), workspace, next, answer), 0)
	wantKind(t, "AnswerRequest again", store.AnswerRequest(t.Context(), workspace, next, usecase.Answer{Status: 200}), domain.Conflict)
	wantKind(t, "ReleaseRequest after the answer", store.ReleaseRequest(t.Context(), workspace, next), 0)
	wantEqual(t, "the answer", claimRequest(t, store, newClaim(5, "k", 1, time.Minute)), &usecase.Earlier{Fingerprint: [32]byte{1}, Answer: &answer})
}

// A request that was released can be done again, also another one of its name.
func releaseRequest(t *testing.T, store Store) {
	first := newClaim(1, "k", 1, 0)
	claimRequest(t, store, first)
	if err := store.ReleaseRequest(t.Context(), workspace, first); err != nil {
		t.Fatalf("ReleaseRequest: %v", err)
	}
	if earlier := claimRequest(t, store, newClaim(2, "k", 2, 0)); earlier != nil {
		t.Errorf("a request that was released was known: %v", earlier)
	}
}

// Of many who claim a request at once, one gets it: a new one, one that was given
// up, and one that has expired.
func concurrentClaim(t *testing.T, store Store) {
	for i, after := range []time.Duration{0, time.Minute, 2 * time.Hour} {
		errTaken := errors.New("taken")
		var mu sync.Mutex
		holders := 0
		var group sync.WaitGroup
		for n := range 8 {
			group.Go(func() {
				earlier, err := store.ClaimRequest(t.Context(), workspace, newClaim(10*i+n, "k", 1, after))
				if err == nil && earlier != nil {
					err = errTaken
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					holders++
				case !errors.Is(err, errTaken):
					t.Errorf("ClaimRequest: %v", err)
				}
			})
		}
		group.Wait()
		if holders != 1 {
			t.Errorf("after %s: %d hold the claim, want 1", after, holders)
		}
	}
}

// What has expired is removed, the oldest first, no more than asked for, and
// nothing else.
func purgeRequests(t *testing.T, store Store) {
	for n := range 5 {
		claimRequest(t, store, newClaim(n, fmt.Sprint(n), 1, time.Duration(n)*time.Minute))
	}
	if _, err := store.ClaimRequest(t.Context(), stranger, newClaim(9, "0", 1, 0)); err != nil {
		t.Fatalf("ClaimRequest: %v", err)
	}
	// The requests 0 to 3 have expired; 0 and 1 are removed.
	if err := store.PurgeRequests(t.Context(), workspace, epoch.Add(time.Hour+3*time.Minute), 2); err != nil {
		t.Fatalf("PurgeRequests: %v", err)
	}
	for n, known := range []bool{false, false, true, true, true} {
		// Asked as of their own time, none has expired.
		if got := claimRequest(t, store, newClaim(n, fmt.Sprint(n), 2, 0)) != nil; got != known {
			t.Errorf("request %d: known = %v, want %v", n, got, known)
		}
	}
	earlier, err := store.ClaimRequest(t.Context(), stranger, newClaim(9, "0", 2, 0))
	if err != nil || earlier == nil {
		t.Errorf("the request of another workspace: got %v, %v, want it known", earlier, err)
	}
}
