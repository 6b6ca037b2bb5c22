package pgreplay

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// firstOwn is the lowest object ID of what a schema makes itself. Below are those
// that are the same everywhere.
const firstOwn = 16384

// newRequest copies what a client sent. It fails for what cannot be replayed.
func newRequest(message pgproto3.FrontendMessage) (Request, error) {
	switch m := message.(type) {
	case *pgproto3.Query:
		return Request{Message: "Query", SQL: m.String}, nil
	case *pgproto3.Parse:
		for _, oid := range m.ParameterOIDs {
			if oid >= firstOwn {
				return Request{}, fmt.Errorf("%q is sent with a type of the schema's own, whose object ID varies", m.Query)
			}
		}
		return Request{Message: "Parse", SQL: m.Query, Statement: m.Name, Types: slices.Clone(m.ParameterOIDs)}, nil
	case *pgproto3.Bind:
		return Request{
			Message: "Bind", Statement: m.PreparedStatement, Portal: m.DestinationPortal, Values: values(m.Parameters),
			Formats: slices.Clone(m.ParameterFormatCodes), ResultFormats: slices.Clone(m.ResultFormatCodes),
		}, nil
	case *pgproto3.Describe:
		return about("Describe", m.ObjectType, m.Name), nil
	case *pgproto3.Close:
		return about("Close", m.ObjectType, m.Name), nil
	case *pgproto3.Execute:
		return Request{Message: "Execute", Portal: m.Portal, MaxRows: m.MaxRows}, nil
	default:
		return Request{}, fmt.Errorf("the message %T is not known", message)
	}
}

func about(message string, of byte, name string) Request {
	request := Request{Message: message, Of: string(of)}
	if of == 'S' {
		request.Statement = name
	} else {
		request.Portal = name
	}
	return request
}

// values copies values, which are only there until the next message.
func values(parts [][]byte) []Value {
	copied := make([]Value, len(parts))
	for i, part := range parts {
		copied[i] = slices.Clone(part)
	}
	return copied
}

// message is the opposite of newRequest.
func (r Request) message() (pgproto3.FrontendMessage, error) {
	name := r.Portal
	var of byte = 'P'
	if r.Of == "S" {
		name, of = r.Statement, 'S'
	}
	switch r.Message {
	case "Query":
		return &pgproto3.Query{String: r.SQL}, nil
	case "Parse":
		return &pgproto3.Parse{Name: r.Statement, Query: r.SQL, ParameterOIDs: r.Types}, nil
	case "Bind":
		parameters := make([][]byte, len(r.Values))
		for i, value := range r.Values {
			parameters[i] = value
		}
		return &pgproto3.Bind{
			PreparedStatement: r.Statement, DestinationPortal: r.Portal, Parameters: parameters,
			ParameterFormatCodes: r.Formats, ResultFormatCodes: r.ResultFormats,
		}, nil
	case "Describe":
		return &pgproto3.Describe{ObjectType: of, Name: name}, nil
	case "Close":
		return &pgproto3.Close{ObjectType: of, Name: name}, nil
	case "Execute":
		return &pgproto3.Execute{Portal: r.Portal, MaxRows: r.MaxRows}, nil
	default:
		return nil, fmt.Errorf("the recorded message %q is not known", r.Message)
	}
}

// typeNames are the names of a database's types by object ID.
type typeNames map[uint32]string

func readTypes(ctx context.Context, conn *pgconn.PgConn) (typeNames, error) {
	result := conn.ExecParams(ctx, "SELECT oid, format_type(oid, NULL) FROM pg_type", nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("reading the names of types: %w", result.Err)
	}
	names := typeNames{}
	for _, row := range result.Rows {
		oid, err := strconv.ParseUint(string(row[0]), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("reading the names of types: %w", err)
		}
		names[uint32(oid)] = string(row[1])
	}
	return names, nil
}

// answer copies what the server sent. Known is false for what a program does not
// get to see. It fails for what cannot be compared.
func (n typeNames) answer(message pgproto3.BackendMessage) (answer Answer, known bool, err error) {
	switch m := message.(type) {
	case *pgproto3.ParameterDescription:
		for _, oid := range m.ParameterOIDs {
			answer.Parameters = append(answer.Parameters, n[oid])
		}
	case *pgproto3.RowDescription:
		for _, field := range m.Fields {
			answer.Columns = append(answer.Columns, Column{string(field.Name), n[field.DataTypeOID]})
		}
	case *pgproto3.DataRow:
		answer.Row = values(m.Values)
	case *pgproto3.CommandComplete:
		answer.Tag = string(m.CommandTag)
	case *pgproto3.ErrorResponse:
		answer = Answer{Error: m.Code, Constraint: m.ConstraintName, text: m.Message}
	case *pgproto3.ParseComplete, *pgproto3.BindComplete, *pgproto3.CloseComplete, *pgproto3.NoData, *pgproto3.EmptyQueryResponse,
		*pgproto3.ReadyForQuery, *pgproto3.NoticeResponse, *pgproto3.ParameterStatus, *pgproto3.NotificationResponse:
		return Answer{}, false, nil
	default:
		return Answer{}, false, fmt.Errorf("the message %T is not known", message)
	}
	return answer, true, nil
}
