package pgreplay

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// exchangeTimeout bounds one exchange of a replay.
const exchangeTimeout = 30 * time.Second

// Replay says to a database what was said to the one of that name, and returns an
// error when it is answered otherwise: the first difference, since those after it
// may follow from it. It names the statement. Values in rows may differ where
// varies returns true for the statement; it may be nil.
func (r Recording) Replay(ctx context.Context, database, databaseURL string, varies func(statement string) bool) error {
	p := &player{url: databaseURL, connections: map[int]*connection{}, varies: varies}
	defer p.close()
	number := 0
	for _, exchange := range r {
		if exchange.Database != database {
			continue
		}
		number++
		if err := p.play(ctx, exchange); err != nil {
			return fmt.Errorf("%s, exchange %d: %w", database, number, err)
		}
	}
	return nil
}

type player struct {
	url         string
	connections map[int]*connection
	types       typeNames
	varies      func(string) bool
}

type connection struct {
	conn *pgconn.PgConn
	// prepared holds the SQL of the statements that were prepared, by name.
	prepared map[string]string
}

func (p *player) close() {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeTimeout)
	defer cancel()
	for _, c := range p.connections {
		_ = c.conn.Close(ctx) // the answers are all there
	}
}

func (p *player) play(ctx context.Context, exchange Exchange) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	c, err := p.connection(ctx, exchange)
	if err != nil {
		return err
	}
	var statements []string
	for _, request := range exchange.Sent {
		switch request.Message {
		case "Query":
			statements = append(statements, request.SQL)
		case "Parse":
			c.prepared[request.Statement] = request.SQL
			statements = append(statements, request.SQL)
		case "Bind":
			statements = append(statements, c.prepared[request.Statement])
		}
	}
	statement := strings.Join(strings.Fields(strings.Join(statements, "; ")), " ")
	got, err := p.ask(ctx, c.conn, exchange.Sent)
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	if err := compare(exchange.Answers, got, p.varies != nil && p.varies(statement)); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// connection returns the one of that number, which it opens when it is first
// used.
func (p *player) connection(ctx context.Context, exchange Exchange) (*connection, error) {
	if c := p.connections[exchange.Connection]; c != nil {
		return c, nil
	}
	config, err := pgconn.ParseConfig(p.url)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams = exchange.Settings
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	c := &connection{conn, map[string]string{}}
	p.connections[exchange.Connection] = c
	if p.types == nil {
		p.types, err = readTypes(ctx, conn)
	}
	return c, err
}

// ask sends requests and returns the answers.
func (p *player) ask(ctx context.Context, conn *pgconn.PgConn, requests []Request) ([]Answer, error) {
	simple := false
	for _, request := range requests {
		message, err := request.message()
		if err != nil {
			return nil, err
		}
		simple = request.Message == "Query"
		conn.Frontend().Send(message)
	}
	if !simple {
		conn.Frontend().SendSync(&pgproto3.Sync{})
	}
	if err := conn.Frontend().Flush(); err != nil {
		return nil, err
	}
	var answers []Answer
	for {
		message, err := conn.ReceiveMessage(ctx)
		if err != nil {
			return nil, err
		}
		if _, ready := message.(*pgproto3.ReadyForQuery); ready {
			return answers, nil
		}
		answer, known, err := p.types.answer(message)
		if err != nil {
			return nil, err
		}
		if known {
			answers = append(answers, answer)
		}
	}
}

// compare returns an error that shows the first answer that differs.
func compare(want, got []Answer, varies bool) error {
	for i := range max(len(want), len(got)) {
		before, after, text := "nothing", "nothing", ""
		if i < len(want) {
			before = describe(want[i], varies)
		}
		if i < len(got) {
			after = describe(got[i], varies)
			text = got[i].text
		}
		if before == after {
			continue
		}
		if text != "" {
			text = " (" + text + ")"
		}
		before, after = excerpts(before, after)
		return fmt.Errorf("answer %d was %s and is now %s%s", i+1, before, after, text)
	}
	return nil
}

// describe returns an answer as it is in a file.
func describe(answer Answer, varies bool) string {
	if varies && len(answer.Row) > 0 {
		return fmt.Sprintf("a row of %d", len(answer.Row))
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// excerpts shortens two texts to where they begin to differ.
func excerpts(a, b string) (string, string) {
	const lead, most = 60, 240
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	cut := func(text string) string {
		from, to := max(0, same-lead), min(len(text), max(0, same-lead)+most)
		short := text[from:to]
		if from > 0 {
			short = "…" + short
		}
		if to < len(text) {
			short += "…"
		}
		return strings.ToValidUTF8(short, "")
	}
	return cut(a), cut(b)
}
