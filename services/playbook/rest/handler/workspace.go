package handler

import (
	"net/http"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// workspaceOf returns the workspace that a request is about.
func workspaceOf(*http.Request) domain.Workspace { return "default" }
