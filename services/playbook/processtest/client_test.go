package processtest

import (
	"context"
	"net/http"
	"testing"

	"github.com/soketsugo/soketsugo/services/playbook/rest/client"
	"github.com/soketsugo/soketsugo/services/playbook/rest/keytest"
)

// A client that was generated from the document walks through the API.
func TestGeneratedClient(t *testing.T) {
	c, _ := start(t, restProcess, map[string]string{"DATABASE_URL": migrated(t)})
	if err := c.Ready(soon(t)); err != nil {
		t.Fatal(err)
	}
	api, err := client.NewClientWithResponses("http://"+c.Addr("http"), client.WithRequestEditorFn(func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", keytest.Authorization())
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx := soon(t)
	title := client.NewStep{Kind: client.CALL, Title: "Ask"}
	created, err := api.CreatePlaybookWithResponse(ctx, &client.CreatePlaybookParams{}, client.NewPlaybook{Name: "Welcome", Steps: &[]client.NewStep{title}})
	if err != nil || created.JSON201 == nil {
		t.Fatalf("creating: %v, %s", err, created.Body)
	}
	id := created.JSON201.Id
	tag := created.HTTPResponse.Header.Get("ETag")
	active, err := api.ActivatePlaybookWithResponse(ctx, id, &client.ActivatePlaybookParams{IfMatch: &tag})
	if err != nil || active.JSON200 == nil || active.JSON200.State != client.PlaybookStateACTIVE {
		t.Fatalf("activating: %v, %s", err, active.Body)
	}
	name := "Hello"
	stale, err := api.UpdatePlaybookWithResponse(ctx, id, &client.UpdatePlaybookParams{IfMatch: &tag}, client.PlaybookChange{Name: &name})
	if err != nil || stale.ApplicationproblemJSON412 == nil || stale.ApplicationproblemJSON412.Status != http.StatusPreconditionFailed {
		t.Errorf("changing what somebody else has changed: %v, %s", err, stale.Body)
	}
	enrolled, err := api.EnrolContactWithResponse(ctx, id, &client.EnrolContactParams{}, client.NewEnrolment{Contact: "crm:4711"})
	if err != nil || enrolled.JSON201 == nil {
		t.Fatalf("enrolling: %v, %s", err, enrolled.Body)
	}
	paused, err := api.PauseEnrolmentWithResponse(ctx, enrolled.JSON201.Id, &client.PauseEnrolmentParams{})
	if err != nil || paused.JSON200 == nil || paused.JSON200.State != client.EnrolmentStatePAUSED {
		t.Errorf("pausing: %v, %s", err, paused.Body)
	}
	page, err := api.ListPlaybooksWithResponse(ctx, &client.ListPlaybooksParams{})
	if err != nil || page.JSON200 == nil || len(page.JSON200.Playbooks) != 1 || page.JSON200.Playbooks[0].Id != id {
		t.Errorf("listing: %v, %s", err, page.Body)
	}
}
