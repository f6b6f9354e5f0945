package live

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// States of a sitting, a question, a poll and a word.
const (
	planned = "planned"
	open    = "open"
	closed  = "closed"

	fresh    = "new"
	shown    = "shown"
	answered = "answered"
	hidden   = "hidden"

	draft = "draft"
)

// Kinds of polls.
const (
	single   = "single"
	multiple = "multiple"
	scale    = "scale"
	wordList = "words"
)

// Whether questions are taken, and whether a moderator reads them first.
const (
	askingOff     = "off"
	askingChecked = "checked"
	askingFree    = "free"
)

// Fewest is how many answers a poll needs before anybody sees what they are: in
// a small room each could be told from the others.
const Fewest = 5

// Session is a sitting.
type Session struct {
	ID       int64  `db:"id"`
	Code     string `db:"code"`
	Event    string `db:"event"` // slug, may be empty
	Title    string `db:"title"`
	Language string `db:"language"`
	State    string `db:"state"`
	Asking   string `db:"asking"`
	Released bool   `db:"released"`
}

const sessionColumns = `id, code, event, title, language, state, asking, released`

// Question is a question of the audience.
type Question struct {
	ID     int64  `db:"id"`
	Text   string `db:"text"`
	State  string `db:"state"`
	Pinned bool   `db:"pinned"`
	Votes  int    `db:"votes"`
}

// Poll is one question to the audience.
type Poll struct {
	ID      int64    `db:"id"`
	Session int64    `db:"session"`
	Kind    string   `db:"kind"`
	Title   string   `db:"title"`
	Raw     string   `db:"options"`
	Most    int      `db:"most"`
	State   string   `db:"state"`
	Shown   bool     `db:"shown"`
	Answers int      `db:"answers"`
	Result  string   `db:"result"`
	Options []string `db:"-"`
}

const pollColumns = `id, session, kind, title, options, most, state, shown, answers, result`

// Counted is one option, step or word with how often it was chosen.
type Counted struct {
	Key   string `json:"key"` // number of the option, step, or word
	N     int    `json:"n"`
	State string `json:"-"` // of a word
}

// byCode finds a sitting, [base.ErrNotFound] when there is none.
func byCode(db dbx.Builder, code string) (Session, error) {
	return one(db, `code = {:v}`, code)
}

func byID(db dbx.Builder, id int64) (Session, error) { return one(db, `id = {:v}`, id) }

func one(db dbx.Builder, where string, v any) (s Session, err error) {
	err = db.NewQuery(`SELECT ` + sessionColumns + ` FROM live_sessions WHERE ` + where).Bind(dbx.Params{"v": v}).One(&s)
	if base.IsNoRows(err) {
		err = base.ErrNotFound
	}
	return s, err
}

// questions are those in one of the states: the pinned one first, then by votes,
// the older before the newer.
func questions(db dbx.Builder, session int64, states ...string) (list []Question, err error) {
	quoted := `'` + strings.Join(states, `', '`) + `'`
	err = db.NewQuery(`SELECT id, text, state, pinned, votes FROM live_questions WHERE session = {:session} AND state IN (` + quoted + `)
		ORDER BY pinned DESC, state = 'answered', votes DESC, id`).Bind(dbx.Params{"session": session}).All(&list)
	return list, err
}

// polls are those of a sitting in the order in which they were made.
func polls(db dbx.Builder, session int64) (list []Poll, err error) {
	err = db.NewQuery(`SELECT ` + pollColumns + ` FROM live_polls WHERE session = {:session} ORDER BY id`).Bind(dbx.Params{"session": session}).All(&list)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := json.Unmarshal([]byte(list[i].Raw), &list[i].Options); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// count gives the choices of a poll: every option and step in its order, words
// by how often they came and then by the alphabet.
func count(db dbx.Builder, p Poll) ([]Counted, error) {
	if p.Result != "" {
		var list []Counted
		err := json.Unmarshal([]byte(p.Result), &list)
		for i := range list {
			list[i].State = shown
		}
		return list, err
	}
	var rows []struct {
		Key   string `db:"key"`
		N     int    `db:"n"`
		State string `db:"state"`
	}
	err := db.NewQuery(`SELECT CAST(j.value AS TEXT) AS key, COUNT(*) AS n, coalesce(w.state, '') AS state
		FROM live_answers a, json_each(a.answer) j LEFT JOIN live_words w ON w.poll = a.poll AND w.word = j.value
		WHERE a.poll = {:poll} GROUP BY 1`).Bind(dbx.Params{"poll": p.ID}).All(&rows)
	if err != nil {
		return nil, err
	}
	var list []Counted
	if p.Kind == wordList {
		for _, r := range rows {
			list = append(list, Counted(r))
		}
		slices.SortFunc(list, func(a, b Counted) int { return cmp.Or(b.N-a.N, strings.Compare(a.Key, b.Key)) })
		return list, nil
	}
	first, last := p.keys()
	for k := first; k <= last; k++ {
		c := Counted{Key: strconv.Itoa(k)}
		for _, r := range rows {
			if r.Key == c.Key {
				c.N = r.N
			}
		}
		list = append(list, c)
	}
	return list, nil
}

// keys are the numbers that an answer may hold: options from 0, steps from 1.
func (p Poll) keys() (first, last int) {
	if p.Kind == scale {
		return 1, p.Most
	}
	return 0, len(p.Options) - 1
}

// Enough reports whether so many have answered that the counts may be seen.
func (p Poll) Enough() bool { return p.Answers >= Fewest }

// person is the 16-byte pseudonym of a browser for one purpose: "vote 17",
// "poll 3", "sender 2". token is stored nowhere.
func (x *Live) person(token, purpose string, id int64) []byte {
	mac := hmac.New(sha256.New, x.key)
	mac.Write([]byte(base.Hash(purpose, strconv.FormatInt(id, 10), token)))
	return mac.Sum(nil)[:16]
}
