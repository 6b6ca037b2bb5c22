// Package stepjson is the form in which both stores keep a playbook's steps: one
// JSON array in one column. Steps are read and written with their playbook, as a
// whole, so a table of their own would cost joins and give nothing.
package stepjson

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// step names the keys once and for all: rows written years ago are read by it.
type step struct {
	Kind         string `json:"kind"`
	Title        string `json:"title"`
	DelaySeconds int64  `json:"delay_seconds"`
}

// Encode returns steps as a JSON array.
func Encode(steps []domain.Step) (string, error) {
	rows := make([]step, len(steps))
	for i, s := range steps {
		rows[i] = step{Kind: string(s.Kind), Title: s.Title, DelaySeconds: int64(s.Delay / time.Second)}
	}
	data, err := json.Marshal(rows)
	if err != nil {
		return "", fmt.Errorf("encoding steps: %w", err)
	}
	return string(data), nil
}

// Decode is the inverse of Encode.
func Decode(data string) ([]domain.Step, error) {
	var rows []step
	if err := json.Unmarshal([]byte(data), &rows); err != nil {
		return nil, fmt.Errorf("decoding steps: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	steps := make([]domain.Step, len(rows))
	for i, row := range rows {
		steps[i] = domain.Step{
			Kind:  domain.StepKind(row.Kind),
			Title: row.Title,
			Delay: time.Duration(row.DelaySeconds) * time.Second,
		}
	}
	return steps, nil
}
