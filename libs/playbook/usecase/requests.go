package usecase

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

const (
	// AnswerLife is how long an answer is kept for a request that comes again.
	AnswerLife = 24 * time.Hour
	// RequestTime is what the holder of a claim has to do the request.
	RequestTime = time.Minute
	// claimLife is when a claim that nobody ended counts as given up, because its
	// holder crashed. It is later than RequestTime by more than clocks differ and
	// than it takes to store an answer.
	claimLife = 2 * RequestTime
	// purgeEvery is after how many claims those that are over are removed, and
	// purgeMost is how many of them at once: more than come in meanwhile.
	purgeEvery = 64
	purgeMost  = 4 * purgeEvery
)

// Request is a request that its sender wants done once, however often it is sent.
type Request struct {
	// KeyID is the API key of the sender, and Key is what the sender calls the
	// request: together they say which one it is.
	KeyID, Key string
	// Fingerprint is a hash of all that the request asks for.
	Fingerprint [sha256.Size]byte
}

// Answer is what a request was answered.
type Answer struct {
	Status int
	// Header holds the header fields that are kept.
	Header map[string]string
	Body   []byte
}

// RequestClaim is somebody's right to do a request while nobody else does.
type RequestClaim struct {
	Request
	// Holder is different for each claim.
	Holder string
	// At is when the claim was made; Until is when it counts as given up, if it was
	// not ended; ExpiresAt is when all about the request is forgotten. All are in
	// UTC with microseconds.
	At, Until, ExpiresAt time.Time
}

// Earlier is what a store knows about a request that came before.
type Earlier struct {
	Fingerprint [sha256.Size]byte
	// Answer is nil while the request is being done.
	Answer *Answer
}

// RequestStore keeps the answers to requests.
type RequestStore interface {
	// ClaimRequest stores a claim where the request is not known, has expired, or
	// has the same fingerprint and a claim that was given up. Otherwise it stores
	// nothing and returns what is known.
	ClaimRequest(ctx context.Context, workspace domain.Workspace, claim RequestClaim) (*Earlier, error)
	// AnswerRequest stores the answer of a claim. Fails with Conflict when the claim
	// was given up and somebody else holds one.
	AnswerRequest(ctx context.Context, workspace domain.Workspace, claim RequestClaim, answer Answer) error
	// ReleaseRequest removes a claim, so that the request can be done again. A claim
	// that is not held any more is left alone.
	ReleaseRequest(ctx context.Context, workspace domain.Workspace, claim RequestClaim) error
	// PurgeRequests removes up to limit requests that have expired at a time.
	PurgeRequests(ctx context.Context, workspace domain.Workspace, at time.Time, limit int) error
}

// BeginRequest claims a request. Who gets a claim has RequestTime to do it and
// must end it with EndRequest. When the request was done before, it returns the
// answer instead. Fails with Conflict when somebody is doing it, and with
// FailedPrecondition when the sender's name for it is that of another request.
func (s *Service) BeginRequest(ctx context.Context, workspace domain.Workspace, request Request) (RequestClaim, *Answer, error) {
	now := s.now().UTC().Truncate(time.Microsecond)
	claim := RequestClaim{Request: request, Holder: s.newID(), At: now, Until: now.Add(claimLife), ExpiresAt: now.Add(AnswerLife)}
	earlier, err := s.store.ClaimRequest(ctx, workspace, claim)
	if err != nil {
		return RequestClaim{}, nil, fmt.Errorf("claiming the request: %w", err)
	}
	switch {
	case earlier == nil:
		if s.claims.Add(1)%purgeEvery == 0 {
			// What it leaves behind is for the next time.
			_ = s.store.PurgeRequests(ctx, workspace, now, purgeMost)
		}
		return claim, nil, nil
	case earlier.Fingerprint != request.Fingerprint:
		return RequestClaim{}, nil, domain.Errorf(domain.FailedPrecondition, "the Idempotency-Key was used for another request").Because(domain.KeyReused)
	case earlier.Answer == nil:
		return RequestClaim{}, nil, domain.Errorf(domain.Conflict, "a request with this Idempotency-Key is being done").Because(domain.RequestUnderWay)
	default:
		return RequestClaim{}, earlier.Answer, nil
	}
}

// EndRequest ends a claim: with the answer, or without one when the request can
// be done again.
func (s *Service) EndRequest(ctx context.Context, workspace domain.Workspace, claim RequestClaim, answer *Answer) error {
	if answer == nil {
		if err := s.store.ReleaseRequest(ctx, workspace, claim); err != nil {
			return fmt.Errorf("releasing the request: %w", err)
		}
		return nil
	}
	if err := s.store.AnswerRequest(ctx, workspace, claim, *answer); err != nil {
		return fmt.Errorf("storing the answer: %w", err)
	}
	return nil
}
