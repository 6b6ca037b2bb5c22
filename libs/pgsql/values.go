package pgsql

import (
	"database/sql/driver"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// OIDs of the types that are not handed on as text; see pg_type.dat in
// PostgreSQL's sources.
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
	oidJSONB       = 3802
	// firstOfUser is the first OID that a type of a user can have.
	firstOfUser = 16384
)

// The formats of the protocol.
const (
	textFormat   = 0
	binaryFormat = 1
)

// unixOf2000 is where PostgreSQL's time begins, in seconds since 1970.
const unixOf2000 = 946684800

// encodeAll returns parameters as the protocol wants them. The types are those of
// a prepared statement, or nil. The formats are nil when all is text.
func encodeAll(args []driver.NamedValue, types []uint32) (values [][]byte, formats []int16, err error) {
	values = make([][]byte, len(args))
	for i, arg := range args {
		if arg.Name != "" {
			return nil, nil, errors.New("pgsql: parameters have no names")
		}
		raw, isBytes := arg.Value.([]byte)
		switch {
		case isBytes && (types == nil || i < len(types) && (types[i] == oidBytea || types[i] >= firstOfUser)):
			// Bytes need the binary form, a domain over them too: read as text some would
			// become others. Where the type is not known they are taken for what they most
			// likely are. What is like text has the same form in both.
			if formats == nil {
				formats = make([]int16, len(args))
			}
			values[i], formats[i] = raw, binaryFormat
		case isBytes:
			values[i] = raw
		default:
			if values[i], err = encode(arg.Value); err != nil {
				return nil, nil, err
			}
		}
	}
	return values, formats, nil
}

// encode returns a value as PostgreSQL reads it in text form; nil for NULL.
func encode(value driver.Value) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case float64:
		return strconv.AppendFloat(nil, v, 'g', -1, 64), nil
	case bool:
		return strconv.AppendBool(nil, v), nil
	case string:
		return []byte(v), nil
	case time.Time:
		v = v.UTC().Truncate(time.Microsecond)
		if v.Year() < 1 {
			return nil, errors.New("pgsql: times before the year 1 are not supported")
		}
		return v.AppendFormat(make([]byte, 0, len(time.RFC3339Nano)), time.RFC3339Nano), nil
	default:
		return nil, fmt.Errorf("pgsql: parameters of type %T are not supported", value)
	}
}

// resultFormats chooses the format of each column: binary for those types whose
// text depends on settings of the session, or is slow to read.
func resultFormats(columns []pgconn.FieldDescription) []int16 {
	formats := make([]int16, len(columns))
	for i, column := range columns {
		switch column.DataTypeOID {
		case oidBool, oidBytea, oidInt2, oidInt4, oidInt8, oidFloat4, oidFloat8, oidTimestamp, oidTimestampTZ:
			formats[i] = binaryFormat
		}
	}
	return formats
}

// decodeBinary reads a value of one of the types that resultFormats chooses. What
// it returns is valid as long as data is.
func decodeBinary(oid uint32, data []byte) (driver.Value, error) {
	switch {
	case oid == oidBytea:
		return data, nil
	case oid == oidBool && len(data) == 1:
		return data[0] != 0, nil
	case oid == oidInt2 && len(data) == 2:
		return int64(int16(binary.BigEndian.Uint16(data))), nil
	case oid == oidInt4 && len(data) == 4:
		return int64(int32(binary.BigEndian.Uint32(data))), nil
	case oid == oidInt8 && len(data) == 8:
		return int64(binary.BigEndian.Uint64(data)), nil
	case oid == oidFloat4 && len(data) == 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(data))), nil
	case oid == oidFloat8 && len(data) == 8:
		return math.Float64frombits(binary.BigEndian.Uint64(data)), nil
	case (oid == oidTimestamp || oid == oidTimestampTZ) && len(data) == 8:
		return decodeTime(int64(binary.BigEndian.Uint64(data)))
	default:
		return nil, fmt.Errorf("%d bytes for a value of type %d", len(data), oid)
	}
}

func decodeTime(micros int64) (time.Time, error) {
	if micros == math.MaxInt64 || micros == math.MinInt64 {
		return time.Time{}, errors.New("an infinite time")
	}
	return time.Unix(unixOf2000+micros/1e6, micros%1e6*1e3).UTC(), nil
}

// decodeText reads a value in text form. What it returns is valid as long as text
// is.
func decodeText(oid uint32, text []byte) (driver.Value, error) {
	switch oid {
	case oidBool:
		return string(text) == "t", nil
	case oidInt2, oidInt4, oidInt8:
		return strconv.ParseInt(string(text), 10, 64)
	case oidFloat4, oidFloat8:
		return strconv.ParseFloat(string(text), 64)
	case oidTimestamp:
		return time.Parse("2006-01-02 15:04:05.999999", string(text))
	case oidTimestampTZ:
		return parseTimestampTZ(string(text))
	case oidBytea:
		if len(text) < 2 || string(text[:2]) != `\x` {
			return nil, errors.New("bytes that are not in hexadecimal form")
		}
		return hex.AppendDecode([]byte{}, text[2:])
	case oidJSON, oidJSONB:
		return text, nil
	default:
		return string(text), nil
	}
}

// parseTimestampTZ reads the ISO style, whose offset has minutes only where
// they are not zero.
func parseTimestampTZ(text string) (time.Time, error) {
	parsed, err := time.Parse("2006-01-02 15:04:05.999999-07", text)
	if err != nil {
		parsed, err = time.Parse("2006-01-02 15:04:05.999999-07:00", text)
	}
	return parsed.UTC(), err
}
