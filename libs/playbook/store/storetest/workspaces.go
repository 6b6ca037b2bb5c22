package storetest

import (
	"testing"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// The steps of every revision stay as they were, those of enrolments that are on
// their way among them.
func steps(t *testing.T, store Store) {
	first := createActive(t, store, 1)
	enrolment := newEnrolment(t, 2, first, "a")
	if err := store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment)); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	second, err := first.Apply(domain.Change{Steps: &[]domain.Step{{Kind: domain.StepWait, Title: "Wait"}, {Kind: domain.StepEmail, Title: "Write"}}}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.UpdatePlaybook(t.Context(), workspace, second, first.Revision); err != nil {
		t.Fatalf("UpdatePlaybook: %v", err)
	}
	wantKind(t, "UpdatePlaybook from an old revision", store.UpdatePlaybook(t.Context(), workspace, second, first.Revision), domain.Conflict)
	for _, want := range []domain.Playbook{first, second} {
		got, err := store.Steps(t.Context(), workspace, want.ID, want.Revision)
		if err != nil {
			t.Fatalf("Steps: %v", err)
		}
		wantEqual(t, "the steps", got, want.Steps)
	}
	got, err := store.Enrolment(t.Context(), workspace, enrolment.ID)
	if err != nil {
		t.Fatalf("Enrolment: %v", err)
	}
	wantEqual(t, "the enrolment", got, enrolment)
	for _, revision := range []int64{0, second.Revision + 1} {
		_, err := store.Steps(t.Context(), workspace, first.ID, revision)
		wantKind(t, "Steps of a revision that was not", err, domain.NotFound)
	}
	_, err = store.Steps(t.Context(), workspace, id(9), 1)
	wantKind(t, "Steps of no playbook", err, domain.NotFound)
}

// What one workspace has, another does not see and cannot change, and does not
// come into the way of: the same IDs and contacts are free there.
func workspaces(t *testing.T, store Store) {
	playbook := createActive(t, store, 1)
	enrolment := newEnrolment(t, 2, playbook, "a")
	if err := store.CreateEnrolment(t.Context(), workspace, enrolment, firstTask(enrolment)); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	renamed, err := playbook.Archive(epoch.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	paused, err := enrolment.Pause()
	if err != nil {
		t.Fatal(err)
	}
	// From inside nothing of all this is there.
	_, err = store.Playbook(t.Context(), stranger, playbook.ID)
	wantKind(t, "Playbook", err, domain.NotFound)
	_, err = store.Steps(t.Context(), stranger, playbook.ID, playbook.Revision)
	wantKind(t, "Steps", err, domain.NotFound)
	_, err = store.Enrolment(t.Context(), stranger, enrolment.ID)
	wantKind(t, "Enrolment", err, domain.NotFound)
	list, err := store.Playbooks(t.Context(), stranger, nil, 10)
	if err != nil {
		t.Fatalf("Playbooks: %v", err)
	}
	wantEqual(t, "the stranger's playbooks", list, []domain.Playbook(nil))
	wantKind(t, "UpdatePlaybook", store.UpdatePlaybook(t.Context(), stranger, renamed, playbook.Revision), domain.NotFound)
	wantKind(t, "UpdateEnrolment", store.UpdateEnrolment(t.Context(), stranger, paused, enrolment), domain.NotFound)
	wantKind(t, "CreateEnrolment", store.CreateEnrolment(t.Context(), stranger, newEnrolment(t, 3, playbook, "b"), firstTask(newEnrolment(t, 3, playbook, "b"))), domain.NotFound)

	// The stranger has the same, and changes it.
	if err := store.CreatePlaybook(t.Context(), stranger, playbook); err != nil {
		t.Fatalf("CreatePlaybook: %v", err)
	}
	if err := store.CreateEnrolment(t.Context(), stranger, enrolment, firstTask(enrolment)); err != nil {
		t.Fatalf("CreateEnrolment: %v", err)
	}
	if err := store.UpdatePlaybook(t.Context(), stranger, renamed, playbook.Revision); err != nil {
		t.Fatalf("UpdatePlaybook: %v", err)
	}
	if err := store.UpdateEnrolment(t.Context(), stranger, paused, enrolment); err != nil {
		t.Fatalf("UpdateEnrolment: %v", err)
	}
	for _, want := range []struct {
		workspace domain.Workspace
		playbook  domain.Playbook
		enrolment domain.Enrolment
	}{{workspace, playbook, enrolment}, {stranger, renamed, paused}} {
		got, err := store.Playbook(t.Context(), want.workspace, playbook.ID)
		if err != nil {
			t.Fatalf("Playbook: %v", err)
		}
		wantEqual(t, "the playbook of "+string(want.workspace), got, want.playbook)
		list, err := store.Playbooks(t.Context(), want.workspace, nil, 10)
		if err != nil {
			t.Fatalf("Playbooks: %v", err)
		}
		wantEqual(t, "the playbooks of "+string(want.workspace), list, []domain.Playbook{want.playbook})
		enrolled, err := store.Enrolment(t.Context(), want.workspace, enrolment.ID)
		if err != nil {
			t.Fatalf("Enrolment: %v", err)
		}
		wantEqual(t, "the enrolment of "+string(want.workspace), enrolled, want.enrolment)
	}
}
