package smoke

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"time"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
)

// provider is who the scenario says it is when it tells of events.
const provider = "smoke"

// WebhookSecrets is the setting of that name with which REST listens to the scenario,
// which must know the secret too.
func WebhookSecrets(secret string) string { return provider + ":" + workspace + ":" + secret }

// hear tells REST, as a provider does, that a contact has unsubscribed, and looks
// through gRPC at what that does. A contact that comes back stays, although the
// provider tells again what it has told.
func (s *scenario) hear(ctx context.Context) error {
	// Others in each run, since databases may be kept.
	contact := "smoke:" + s.first
	event := fmt.Sprintf(`{"id":"smoke-of-%s","type":"unsubscribe","contact":%q,"occurred_at":%q}`,
		s.first, contact, time.Now().UTC().Format(time.RFC3339))
	enrol := func() (id string, err error) {
		answer, err := s.rest(ctx, http.MethodPost, "/playbooks/"+s.second+"/enrolments", `{"contact":"`+contact+`"}`, http.StatusCreated)
		return answer.text("id"), err
	}
	wantState := func(id string, want playbookv1.EnrolmentState) error {
		got, err := s.enrolments.GetEnrolment(ctx, &playbookv1.GetEnrolmentRequest{Id: id})
		if err != nil {
			return err
		}
		return same("the state of the enrolment", got.GetEnrolment().GetState().String(), want.String())
	}
	first, err := enrol()
	if err != nil {
		return err
	}
	if err := s.tell(ctx, event, "not the secret", http.StatusUnauthorized); err != nil {
		return err
	}
	if err := wantState(first, playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE); err != nil {
		return err
	}
	if err := s.tell(ctx, event, s.webhookSecret, http.StatusAccepted); err != nil {
		return err
	}
	if err := wantState(first, playbookv1.EnrolmentState_ENROLMENT_STATE_CANCELLED); err != nil {
		return err
	}
	second, err := enrol()
	if err != nil {
		return err
	}
	if err := s.tell(ctx, event, s.webhookSecret, http.StatusAccepted); err != nil {
		return err
	}
	return wantState(second, playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE)
}

// tell sends an event, signed with a secret.
func (s *scenario) tell(ctx context.Context, event, secret string, want int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/webhooks/"+provider, bytes.NewBufferString(event))
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(at + "." + event)) // it never fails
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Timestamp", at)
	request.Header.Set("X-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	_, err = send(request, want)
	return err
}
