package usecase

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// A page token is base64url of: a version byte, the position's time in
// microseconds since 1970 (8 bytes), its ID (36 bytes) and a CRC-32 (4 bytes) of
// all that and of the list that the token is for. The version lets a later format
// tell old tokens apart; the check sum turns a token that was mangled, or is of
// another workspace or filter, into a clear error instead of a wrong page.
//
// It is a check sum and no signature on purpose. A token is a place in a list and
// no right to read it: every query names the workspace that the caller was let
// into, and the filter of the request. Who forges a token reads another page of
// the same list, which they could turn to anyway. A signature would protect
// nothing more, and would need a secret that all replicas of both servers share.
const (
	tokenVersion = 2
	tokenIDStart = 1 + 8
	tokenIDEnd   = tokenIDStart + 36
	tokenLength  = tokenIDEnd + 4
)

// scope is a list that pages are of. Its parts hold no NUL.
type scope string

// listOf returns the scope of a list by its name, workspace and filter.
func listOf(parts ...string) scope { return scope(strings.Join(parts, "\x00")) }

// read returns where a page begins, which is nil for the first one, and how long
// it may be. Fails with Invalid on the fields page_size and page_token.
func (s scope) read(pageSize int, token string) (after *Position, size int, err error) {
	switch {
	case pageSize < 0:
		return nil, 0, domain.InvalidField("page_size", "must not be negative")
	case pageSize == 0:
		pageSize = DefaultPageSize
	case pageSize > MaxPageSize:
		pageSize = MaxPageSize
	}
	if token == "" {
		return nil, pageSize, nil
	}
	position, err := s.position(token)
	return &position, pageSize, err
}

// token returns the token for what comes after a position.
func (s scope) token(position Position) string {
	raw := make([]byte, 0, tokenLength)
	raw = append(raw, tokenVersion)
	raw = binary.BigEndian.AppendUint64(raw, uint64(position.CreatedAt.UnixMicro()))
	raw = append(raw, position.ID...)
	raw = binary.BigEndian.AppendUint32(raw, s.sum(raw))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// sum is that of a token's bytes and of the list.
func (s scope) sum(raw []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(raw), crc32.IEEETable, []byte(s))
}

// position is the opposite of token.
func (s scope) position(token string) (Position, error) {
	// Strict refuses a token whose unused last bits are set, so that a page has
	// one token only.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenLength || raw[0] != tokenVersion ||
		binary.BigEndian.Uint32(raw[tokenIDEnd:]) != s.sum(raw[:tokenIDEnd]) {
		return Position{}, badToken()
	}
	position := Position{
		CreatedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(raw[1:tokenIDStart]))).UTC(),
		ID:        string(raw[tokenIDStart:tokenIDEnd]),
	}
	// PostgreSQL and SQLite agree on years 1 to 9999 only.
	if year := position.CreatedAt.Year(); year < 1 || year > 9999 || domain.CheckID("page_token", position.ID) != nil {
		return Position{}, badToken()
	}
	return position, nil
}

func badToken() error {
	return domain.InvalidField("page_token", "must be the next_page_token of an earlier page of the same list, unchanged")
}
