package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"github.com/soketsugo/soketsugo/libs/playbook/usecase"
)

// ClaimRequest stores a claim, or returns what is known of the request, see
// usecase.RequestStore.
func (s *Store) ClaimRequest(ctx context.Context, workspace domain.Workspace, claim usecase.RequestClaim) (*usecase.Earlier, error) {
	count, err := s.change(ctx, workspace,
		`INSERT INTO idempotency_keys AS known (workspace, api_key_id, key, fingerprint, holder, claimed_until, expires_at)
		 VALUES ($1, $2, $3, $4, $5, $6, $7)
		 ON CONFLICT (workspace, api_key_id, key) DO UPDATE SET
			fingerprint = excluded.fingerprint, holder = excluded.holder, claimed_until = excluded.claimed_until,
			expires_at = excluded.expires_at, status = NULL, headers = NULL, body = NULL
		 WHERE known.expires_at <= $8
			OR known.status IS NULL AND known.claimed_until <= $8 AND known.fingerprint = excluded.fingerprint`,
		string(workspace), claim.KeyID, claim.Key, claim.Fingerprint[:], claim.Holder,
		claim.Until, claim.ExpiresAt, claim.At)
	if err != nil {
		return nil, fmt.Errorf("inserting a claim: %w", err)
	}
	if count > 0 {
		return nil, nil
	}
	return s.earlier(ctx, workspace, claim)
}

func (s *Store) earlier(ctx context.Context, workspace domain.Workspace, claim usecase.RequestClaim) (*usecase.Earlier, error) {
	var fingerprint, body []byte
	var status sql.NullInt64
	var headers sql.NullString
	err := s.do(ctx, workspace, func(ctx context.Context) error {
		return s.db.QueryRowContext(ctx,
			`SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE workspace = $1 AND api_key_id = $2 AND key = $3`,
			string(workspace), claim.KeyID, claim.Key).Scan(&fingerprint, &status, &headers, &body)
	})
	if errors.Is(err, sql.ErrNoRows) {
		// Its holder gave it back this very moment.
		return nil, domain.Errorf(domain.Conflict, "the request was being done until now")
	}
	if err != nil {
		return nil, fmt.Errorf("selecting a request: %w", err)
	}
	earlier := &usecase.Earlier{}
	copy(earlier.Fingerprint[:], fingerprint)
	if status.Valid {
		earlier.Answer = &usecase.Answer{Status: int(status.Int64), Body: body}
		if err := json.Unmarshal([]byte(headers.String), &earlier.Answer.Header); err != nil {
			return nil, fmt.Errorf("reading the headers of an answer: %w", err)
		}
	}
	return earlier, nil
}

// AnswerRequest stores the answer of a claim. Fails with Conflict when the claim is
// not held any more.
func (s *Store) AnswerRequest(ctx context.Context, workspace domain.Workspace, claim usecase.RequestClaim, answer usecase.Answer) error {
	headers, err := json.Marshal(answer.Header)
	if err != nil {
		return fmt.Errorf("writing the headers of an answer: %w", err)
	}
	count, err := s.change(ctx, workspace,
		`UPDATE idempotency_keys SET status = $5, headers = $6, body = $7
		 WHERE workspace = $1 AND api_key_id = $2 AND key = $3 AND holder = $4 AND status IS NULL`,
		string(workspace), claim.KeyID, claim.Key, claim.Holder, answer.Status, string(headers), answer.Body)
	if err != nil {
		return fmt.Errorf("updating a request: %w", err)
	}
	if count == 0 {
		return domain.Errorf(domain.Conflict, "the claim on the request is not held any more")
	}
	return nil
}

// ReleaseRequest removes a claim that is still held.
func (s *Store) ReleaseRequest(ctx context.Context, workspace domain.Workspace, claim usecase.RequestClaim) error {
	_, err := s.change(ctx, workspace,
		`DELETE FROM idempotency_keys WHERE workspace = $1 AND api_key_id = $2 AND key = $3 AND holder = $4 AND status IS NULL`,
		string(workspace), claim.KeyID, claim.Key, claim.Holder)
	if err != nil {
		return fmt.Errorf("deleting a claim: %w", err)
	}
	return nil
}

// PurgeRequests removes up to limit requests that have expired at a time.
func (s *Store) PurgeRequests(ctx context.Context, workspace domain.Workspace, at time.Time, limit int) error {
	// Those that another process is removing are left to it.
	_, err := s.change(ctx, workspace,
		`DELETE FROM idempotency_keys WHERE workspace = $1 AND (api_key_id, key) IN (
			SELECT api_key_id, key FROM idempotency_keys WHERE workspace = $1 AND expires_at <= $2
			ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)`,
		string(workspace), at, limit)
	if err != nil {
		return fmt.Errorf("deleting requests: %w", err)
	}
	return nil
}
