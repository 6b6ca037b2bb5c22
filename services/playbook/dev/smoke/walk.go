package smoke

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"google.golang.org/protobuf/types/known/durationpb"
)

// leaseSeconds is short, so that others soon get back what is claimed here and not
// for the scenario.
const leaseSeconds = 10

// claimed is a task that was claimed through either transport.
type claimed struct {
	id, token, title string
}

// walk claims and completes one task after the other, until the playbook is at its
// end.
func (s *scenario) walk(ctx context.Context) error {
	created, err := s.rest(ctx, http.MethodPost, "/playbooks", `{"name":"Walk-through","steps":[
		{"kind":"EMAIL","title":"Say hello"},{"kind":"WAIT","title":"Let them read"},{"kind":"CALL","title":"Call"},{"kind":"TASK","title":"Write it down"}]}`,
		http.StatusCreated)
	if err != nil {
		return err
	}
	path := "/playbooks/" + created.text("id")
	if _, err := s.rest(ctx, http.MethodPost, path+":activate", "", http.StatusOK); err != nil {
		return err
	}
	enrolled, err := s.rest(ctx, http.MethodPost, path+"/enrolments", `{"contact":"crm:3"}`, http.StatusCreated)
	if err != nil {
		return err
	}
	enrolment := enrolled.text("id")
	// Each is done through the transport that the one before it was not done through.
	for _, step := range []struct {
		title    string
		claim    func(ctx context.Context, enrolment string) (claimed, error)
		complete func(ctx context.Context, task claimed) error
	}{
		{"Say hello", s.claimThroughREST, s.completeThroughGRPC},
		{"Call", s.claimThroughGRPC, s.completeThroughREST},
		{"Write it down", s.claimThroughREST, s.completeThroughREST},
	} {
		task, err := step.claim(ctx, enrolment)
		if err != nil {
			return err
		}
		if err := same("the task", task.title, step.title); err != nil {
			return err
		}
		if err := step.complete(ctx, task); err != nil {
			return err
		}
	}
	end, err := s.enrolments.GetEnrolment(ctx, &playbookv1.GetEnrolmentRequest{Id: enrolment})
	if err != nil {
		return err
	}
	return same("the state", end.GetEnrolment().GetState().String(), playbookv1.EnrolmentState_ENROLMENT_STATE_COMPLETED.String())
}

func (s *scenario) claimThroughREST(ctx context.Context, enrolment string) (claimed, error) {
	answer, err := s.rest(ctx, http.MethodPost, "/tasks:claim", `{"holder":"smoke","limit":100,"lease":"`+strconv.Itoa(leaseSeconds)+`s"}`, http.StatusOK)
	if err != nil {
		return claimed{}, err
	}
	items, _ := answer["tasks"].([]any)
	for _, item := range items {
		fields, _ := item.(map[string]any)
		if task := object(fields); task.text("enrolment_id") == enrolment {
			return claimed{task.text("id"), answer.text("lease_token"), task.text("title")}, nil
		}
	}
	return claimed{}, fmt.Errorf("the claim gave %d tasks, none of them of enrolment %s", len(items), enrolment)
}

func (s *scenario) claimThroughGRPC(ctx context.Context, enrolment string) (claimed, error) {
	answer, err := s.tasks.ClaimTasks(ctx, &playbookv1.ClaimTasksRequest{Holder: "smoke", Limit: 100, Lease: &durationpb.Duration{Seconds: leaseSeconds}})
	if err != nil {
		return claimed{}, err
	}
	for _, task := range answer.GetTasks() {
		if task.GetEnrolmentId() == enrolment {
			return claimed{task.GetId(), answer.GetLeaseToken(), task.GetTitle()}, nil
		}
	}
	return claimed{}, fmt.Errorf("the claim gave %d tasks, none of them of enrolment %s", len(answer.GetTasks()), enrolment)
}

func (s *scenario) completeThroughREST(ctx context.Context, task claimed) error {
	answer, err := s.rest(ctx, http.MethodPost, "/tasks/"+task.id+":complete", `{"lease_token":"`+task.token+`","outcome":"done"}`, http.StatusOK)
	if err != nil {
		return err
	}
	return same("the task's state", answer.text("state"), "DONE")
}

func (s *scenario) completeThroughGRPC(ctx context.Context, task claimed) error {
	_, err := s.tasks.CompleteTask(ctx, &playbookv1.CompleteTaskRequest{Id: task.id, LeaseToken: task.token, Outcome: "done"})
	return err
}
