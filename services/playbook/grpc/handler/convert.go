package handler

import (
	"fmt"

	playbookv1 "github.com/soketsugo/soketsugo/libs/playbook/api/v1"
	"github.com/soketsugo/soketsugo/libs/playbook/domain"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// draftFromProto leaves nearly all checks to the domain.
func draftFromProto(request *playbookv1.CreatePlaybookRequest) (domain.Draft, error) {
	steps, err := stepsFromProto(request.GetSteps())
	return domain.Draft{Name: request.GetName(), Description: request.GetDescription(), Steps: steps}, err
}

// changeFromProto takes the fields that the mask names.
func changeFromProto(request *playbookv1.UpdatePlaybookRequest) (domain.Change, error) {
	paths := request.GetUpdateMask().GetPaths()
	if len(paths) == 0 {
		return domain.Change{}, domain.InvalidField("update_mask", "must name the fields to change: name, description, steps")
	}
	var change domain.Change
	for _, path := range paths {
		switch path {
		case "name":
			change.Name = &request.Name
		case "description":
			change.Description = &request.Description
		case "steps":
			steps, err := stepsFromProto(request.GetSteps())
			if err != nil {
				return domain.Change{}, err
			}
			change.Steps = &steps
		default:
			return domain.Change{}, domain.InvalidField("update_mask", "must hold name, description and steps alone")
		}
	}
	return change, nil
}

// stepsFromProto refuses durations that Go would silently cut to its own range.
func stepsFromProto(messages []*playbookv1.Step) ([]domain.Step, error) {
	var steps []domain.Step
	for i, step := range messages {
		if delay := step.GetDelay(); delay != nil && delay.CheckValid() != nil {
			return nil, domain.InvalidField(fmt.Sprintf("steps[%d].delay", i), "must be a valid duration")
		}
		steps = append(steps, domain.Step{
			Kind:  stepKindFromProto(step.GetKind()),
			Title: step.GetTitle(),
			Delay: step.GetDelay().AsDuration(),
		})
	}
	return steps, nil
}

func playbookToProto(playbook domain.Playbook) *playbookv1.Playbook {
	message := &playbookv1.Playbook{
		Id:          playbook.ID,
		Name:        playbook.Name,
		Description: playbook.Description,
		State:       playbookStateToProto(playbook.State),
		Revision:    playbook.Revision,
		CreatedAt:   timestamppb.New(playbook.CreatedAt),
		UpdatedAt:   timestamppb.New(playbook.UpdatedAt),
	}
	for _, step := range playbook.Steps {
		message.Steps = append(message.Steps, &playbookv1.Step{
			Kind:  stepKindToProto(step.Kind),
			Title: step.Title,
			Delay: durationpb.New(step.Delay),
		})
	}
	return message
}

func enrolmentToProto(enrolment domain.Enrolment) *playbookv1.Enrolment {
	return &playbookv1.Enrolment{
		Id:               enrolment.ID,
		PlaybookId:       enrolment.PlaybookID,
		PlaybookRevision: enrolment.PlaybookRevision,
		Contact:          enrolment.Contact,
		State:            enrolmentStateToProto(enrolment.State),
		CurrentStep:      int32(enrolment.CurrentStep),
		DueAt:            timestamppb.New(enrolment.DueAt),
		CreatedAt:        timestamppb.New(enrolment.CreatedAt),
	}
}

// stepKindFromProto returns an empty kind, which the domain refuses, for one
// that it does not know.
func stepKindFromProto(kind playbookv1.StepKind) domain.StepKind {
	switch kind {
	case playbookv1.StepKind_STEP_KIND_EMAIL:
		return domain.StepEmail
	case playbookv1.StepKind_STEP_KIND_CALL:
		return domain.StepCall
	case playbookv1.StepKind_STEP_KIND_TASK:
		return domain.StepTask
	case playbookv1.StepKind_STEP_KIND_WAIT:
		return domain.StepWait
	default:
		return ""
	}
}

func stepKindToProto(kind domain.StepKind) playbookv1.StepKind {
	switch kind {
	case domain.StepEmail:
		return playbookv1.StepKind_STEP_KIND_EMAIL
	case domain.StepCall:
		return playbookv1.StepKind_STEP_KIND_CALL
	case domain.StepTask:
		return playbookv1.StepKind_STEP_KIND_TASK
	case domain.StepWait:
		return playbookv1.StepKind_STEP_KIND_WAIT
	default:
		return playbookv1.StepKind_STEP_KIND_UNSPECIFIED
	}
}

func playbookStateToProto(state domain.PlaybookState) playbookv1.PlaybookState {
	switch state {
	case domain.PlaybookDraft:
		return playbookv1.PlaybookState_PLAYBOOK_STATE_DRAFT
	case domain.PlaybookActive:
		return playbookv1.PlaybookState_PLAYBOOK_STATE_ACTIVE
	case domain.PlaybookArchived:
		return playbookv1.PlaybookState_PLAYBOOK_STATE_ARCHIVED
	default:
		return playbookv1.PlaybookState_PLAYBOOK_STATE_UNSPECIFIED
	}
}

func enrolmentStateToProto(state domain.EnrolmentState) playbookv1.EnrolmentState {
	switch state {
	case domain.EnrolmentActive:
		return playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE
	case domain.EnrolmentPaused:
		return playbookv1.EnrolmentState_ENROLMENT_STATE_PAUSED
	case domain.EnrolmentCompleted:
		return playbookv1.EnrolmentState_ENROLMENT_STATE_COMPLETED
	case domain.EnrolmentCancelled:
		return playbookv1.EnrolmentState_ENROLMENT_STATE_CANCELLED
	default:
		return playbookv1.EnrolmentState_ENROLMENT_STATE_UNSPECIFIED
	}
}

// enrolmentStateFromProto returns an empty state, which is any, for an unspecified
// one, and for one that it does not know a state that the use case refuses.
func enrolmentStateFromProto(state playbookv1.EnrolmentState) domain.EnrolmentState {
	switch state {
	case playbookv1.EnrolmentState_ENROLMENT_STATE_UNSPECIFIED:
		return ""
	case playbookv1.EnrolmentState_ENROLMENT_STATE_ACTIVE:
		return domain.EnrolmentActive
	case playbookv1.EnrolmentState_ENROLMENT_STATE_PAUSED:
		return domain.EnrolmentPaused
	case playbookv1.EnrolmentState_ENROLMENT_STATE_COMPLETED:
		return domain.EnrolmentCompleted
	case playbookv1.EnrolmentState_ENROLMENT_STATE_CANCELLED:
		return domain.EnrolmentCancelled
	default:
		return "UNKNOWN"
	}
}
