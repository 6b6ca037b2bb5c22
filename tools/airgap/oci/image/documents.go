package image

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/soketsugo/soketsugo/tools/airgap/oci/jqjson"
)

// The types below say the same as v1.ConfigFile and v1.Manifest, with the keys in the order in which rules_oci sets
// them: the order is part of the digest. A nil list or object is left out, an empty one is written.

type configFile struct {
	Created      string    `json:"created"`
	Config       container `json:"config"`
	History      []history `json:"history"`
	RootFS       rootFS    `json:"rootfs"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Variant      string    `json:"variant,omitempty"`
}

type container struct {
	// Cmd comes first because rules_oci resets it before it sets the entrypoint.
	Cmd          []string       `json:"Cmd,omitzero"`
	Entrypoint   []string       `json:"Entrypoint,omitzero"`
	ExposedPorts *jqjson.Object `json:"ExposedPorts,omitzero"`
	Volumes      *jqjson.Object `json:"Volumes,omitzero"`
	Env          []string       `json:"Env,omitzero"`
	Labels       *jqjson.Object `json:"Labels,omitzero"`
	User         string         `json:"User,omitempty"`
	WorkingDir   string         `json:"WorkingDir,omitempty"`
}

type history struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

type rootFS struct {
	Type    string    `json:"type"`
	DiffIDs []v1.Hash `json:"diff_ids"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	Config        configDescriptor  `json:"config"`
	Layers        []layerDescriptor `json:"layers"`
	Annotations   *jqjson.Object    `json:"annotations,omitzero"`
}

type configDescriptor struct {
	MediaType types.MediaType `json:"mediaType"`
	Size      int             `json:"size"`
	Digest    v1.Hash         `json:"digest"`
}

type layerDescriptor struct {
	Size      int64           `json:"size"`
	Digest    v1.Hash         `json:"digest"`
	MediaType types.MediaType `json:"mediaType"`
}

type layoutIndex struct {
	SchemaVersion int                  `json:"schemaVersion"`
	MediaType     types.MediaType      `json:"mediaType"`
	Manifests     []manifestDescriptor `json:"manifests"`
}

type manifestDescriptor struct {
	MediaType types.MediaType `json:"mediaType"`
	Digest    v1.Hash         `json:"digest"`
	Size      int             `json:"size"`
}
