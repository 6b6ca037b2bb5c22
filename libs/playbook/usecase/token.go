package usecase

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/soketsugo/soketsugo/libs/playbook/domain"
)

// A page token is base64url of: a version byte, the position's time in
// microseconds since 1970 (8 bytes), its ID (36 bytes) and a CRC-32 of all that
// (4 bytes). The version lets a later format tell old tokens apart; the check
// sum turns a mangled token into a clear error instead of a wrong page. It
// protects against accidents, not against forgery: a forged token reads nothing
// that its maker could not list anyway.
const (
	tokenVersion = 1
	tokenIDStart = 1 + 8
	tokenIDEnd   = tokenIDStart + 36
	tokenLength  = tokenIDEnd + 4
)

func encodeToken(position Position) string {
	raw := make([]byte, 0, tokenLength)
	raw = append(raw, tokenVersion)
	raw = binary.BigEndian.AppendUint64(raw, uint64(position.CreatedAt.UnixMicro()))
	raw = append(raw, position.ID...)
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return base64.RawURLEncoding.EncodeToString(raw)
}

func decodeToken(token string) (Position, error) {
	// Strict refuses a token whose unused last bits are set, so that a page has
	// one token only.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenLength || raw[0] != tokenVersion ||
		binary.BigEndian.Uint32(raw[tokenIDEnd:]) != crc32.ChecksumIEEE(raw[:tokenIDEnd]) {
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
	return domain.InvalidField("page_token", "must be the next_page_token of an earlier page, unchanged")
}
