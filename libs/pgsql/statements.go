package pgsql

import (
	"container/list"
	"crypto/sha256"
	"encoding/hex"

	"github.com/jackc/pgx/v5/pgconn"
)

// statement is one that a connection knows.
type statement struct {
	query string
	// description is nil until the statement is prepared.
	description *pgconn.StatementDescription
	// formats are those of the result's columns.
	formats []int16
}

// statements are those that a connection knows, the last used first. A nil
// *statements means that none are prepared.
type statements struct {
	most  int
	byUse *list.List // of *statement
	bySQL map[string]*list.Element
}

func newStatements(most int) *statements {
	if most <= 0 {
		return nil
	}
	return &statements{most: most, byUse: list.New(), bySQL: map[string]*list.Element{}}
}

// get returns the statement for a query, or nil.
func (s *statements) get(query string) *statement {
	element := s.bySQL[query]
	if element == nil {
		return nil
	}
	s.byUse.MoveToFront(element)
	return element.Value.(*statement)
}

// put adds a statement.
func (s *statements) put(added *statement) {
	s.bySQL[added.query] = s.byUse.PushFront(added)
}

// clear forgets all.
func (s *statements) clear() {
	if s != nil {
		s.byUse.Init()
		clear(s.bySQL)
	}
}

// surplus returns a statement that has to go before another one is added, or nil.
func (s *statements) surplus() *statement {
	if s.byUse.Len() < s.most {
		return nil
	}
	return s.byUse.Back().Value.(*statement)
}

// remove forgets a statement.
func (s *statements) remove(query string) {
	if element := s.bySQL[query]; element != nil {
		s.byUse.Remove(element)
		delete(s.bySQL, query)
	}
}

// statementName depends on the query and on nothing else: behind a pooler that
// mixes up the connections of clients, a name can stand for no other query.
func statementName(query string) string {
	sum := sha256.Sum256([]byte(query))
	return "pgsql_" + hex.EncodeToString(sum[:16])
}
