// Package domain holds the playbook service's entities, what must always be
// true of them, and the kinds of error that everything above it speaks. It
// knows no database, no transport and no clock.
package domain
