package participation_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
)

// people is how many take part; one after another, so that the order is known.
const people = 300

// copied is what somebody took of a data directory at one moment.
type copied map[string][]byte // file name → bytes

func copyFiles(t *testing.T, dir string, names ...string) copied {
	t.Helper()
	c := copied{}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		c[name] = b
	}
	return c
}

// loot is what an attacker holds: copies of the files in the order in which they
// were taken, and of every person in the order of taking part what stands in the
// tables on either side. Truth is that passes[i] and answers[i] belong together;
// the attacks may use the list of one side in its order (who took part when is
// known), never both.
type loot struct {
	copies  []copied
	passes  [][]byte // bytes that stand in the row of the used pass only
	answers [][]byte // bytes that stand in the row of the answer only
}

// places is where bytes first stand in the files of the copies, one behind another.
func (l loot) places(needles [][]byte, name string) []int {
	place := make([]int, len(needles))
	for i := range place {
		place[i] = math.MaxInt
	}
	offset := 0
	for _, c := range l.copies {
		for i, n := range needles {
			if place[i] < math.MaxInt { // later copies come behind
				continue
			}
			if at := bytes.Index(c[name], n); at >= 0 {
				place[i] = offset + at
			}
		}
		offset += len(c[name])
	}
	return place
}

// appears is the number of the copy in which bytes first stand in the database.
func (l loot) appears(needles [][]byte, names ...string) []int {
	first := make([]int, len(needles))
	for i, n := range needles {
		first[i] = slices.IndexFunc(l.copies, func(c copied) bool {
			return slices.ContainsFunc(names, func(name string) bool { return bytes.Contains(c[name], n) })
		})
	}
	return first
}

// ranked orders the indices by keys, one after another.
func ranked(n int, keys ...[]int) []int {
	order := rand.Perm(n) // ties by lot
	slices.SortStableFunc(order, func(a, b int) int {
		for _, k := range keys {
			if k[a] != k[b] {
				return k[a] - k[b]
			}
		}
		return 0
	})
	return order
}

// joined counts how often the ranks of both sides meet; reversed counts too.
func joined(passes, answers []int) int {
	forward, backward := 0, 0
	for i := range passes {
		if passes[i] == answers[i] {
			forward++
		}
		if passes[i] == answers[len(answers)-1-i] {
			backward++
		}
	}
	return max(forward, backward)
}

// attacks joins passes and answers by everything that the files tell.
func (l loot) attacks() map[string]int {
	n := len(l.passes)
	known := make([]int, n) // the order in which people took part, seen by somebody at the door
	for i := range known {
		known[i] = i
	}
	bytesOf := func(needles [][]byte) []int { // sorted by themselves: the order of a primary key
		order := make([]int, n)
		for rank, i := range ranked(n, firstBytes(needles)) {
			order[i] = rank
		}
		return order
	}
	const db, wal = "data.db", "data.db-wal"
	pPage, aPage := l.places(l.passes, db), l.places(l.answers, db)
	pLog, aLog := l.places(l.passes, wal), l.places(l.answers, wal)
	pCopy, aCopy := l.appears(l.passes, db, wal), l.appears(l.answers, db, wal)
	return map[string]int{
		"keys":                                  joined(ranked(n, bytesOf(l.passes)), ranked(n, bytesOf(l.answers))),
		"places in the pages":                   joined(ranked(n, pPage), ranked(n, aPage)),
		"the write-ahead log":                   joined(ranked(n, pLog), ranked(n, aLog)),
		"copies":                                joined(ranked(n, pCopy), ranked(n, aCopy)),
		"copies and pages":                      joined(ranked(n, pCopy, pPage), ranked(n, aCopy, aPage)),
		"copies and the log":                    joined(ranked(n, pCopy, pLog), ranked(n, aCopy, aLog)),
		"the door and pages":                    joined(known, ranked(n, aPage)),
		"the door and the log":                  joined(known, ranked(n, aLog)),
		"the door, copies and the log":          joined(ranked(n, pCopy, known), ranked(n, aCopy, aLog)),
		"the door, the log, copies, of answers": joined(ranked(n, pCopy, pLog), ranked(n, aCopy, known)),
	}
}

func firstBytes(needles [][]byte) []int {
	keys := make([]int, len(needles))
	for i, n := range needles {
		for _, b := range n[:min(7, len(n))] {
			keys[i] = keys[i]<<8 | int(b)
		}
	}
	return keys
}

// TestNobodyJoinsCodesAndAnswers attacks the real files of an anonymous survey
// with codes.
//
// The statistic: pairs that an attack joins. Drawing lots within a block joins
// one pair per block on average, whatever its size, with variance one. With the
// number of blocks B an attack must not join more than B + 4·√B.
func TestNobodyJoinsCodesAndAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publishAs(t, "urne", func(q *survey.Questionnaire) { q.Access = survey.AccessCode })
	g := gate.New(w.Platform)
	codes, err := g.NewCodes(t.Context(), "umfragen/urne", people+50)
	if err != nil {
		t.Fatal(err)
	}
	dir := w.App.DataDir()
	names := []string{"data.db", "data.db-wal", "auxiliary.db", "auxiliary.db-wal"}
	l := loot{}
	var ids []string
	atMost := 0
	w.App.Logger().Error("marker") // the request log is at work
	for i := range people {
		id := newID()
		ids = append(ids, id)
		text := fmt.Sprintf("number %03d", rand.IntN(1000))
		text = fmt.Sprintf("%s of %03d", text, i)
		body := strings.Replace(withPass(codes[i]), `"rent"`, `"idea":"`+text+`","rent"`, 1)
		if status, b := w.put(t, "urne", id, body); status != 201 {
			t.Fatalf("%d %s", status, b)
		}
		l.answers = append(l.answers, []byte(text))
		l.passes = append(l.passes, g.Tag("umfragen/urne", id)) // what stands in the row of a used code only
		if i%7 == 0 {
			l.copies = append(l.copies, copyFiles(t, dir, names...))
		}
		if i == people/2 {
			c := copyFiles(t, dir, "urn.db", "urn.db-journal")
			atMost = attackUrn(t, c, l)
		}
	}
	l.copies = append(l.copies, copyFiles(t, dir, names...))
	// Who is still in the urn stands in no copy.
	last := l.copies[len(l.copies)-1]
	var waitingPasses, waitingAnswers int
	for i := range people {
		p := bytes.Contains(last["data.db"], l.passes[i]) || bytes.Contains(last["data.db-wal"], l.passes[i])
		a := bytes.Contains(last["data.db"], l.answers[i]) || bytes.Contains(last["data.db-wal"], l.answers[i])
		if !p {
			waitingPasses++
		}
		if !a {
			waitingAnswers++
		}
	}
	if waitingPasses != 10 || waitingAnswers != 10 {
		t.Errorf("%d passes and %d answers are in the urn only", waitingPasses, waitingAnswers)
	}
	blocks := float64(w.count(t, "urn_blocks"))
	limit := int(blocks + 4*math.Sqrt(blocks))
	for what, n := range l.attacks() {
		t.Logf("%-40s %3d of %d joined, lots %g", what, n, people, blocks)
		if n > limit {
			t.Errorf("%s: %d of %d joined, more than lots (%d)", what, n, people, limit)
		}
	}
	// The secret key helps nothing: no id of an answer has the tag of a code.
	var rows []struct {
		ID string `db:"id"`
	}
	if err := w.App.DB().NewQuery(`SELECT id FROM responses WHERE survey = 'urne'`).All(&rows); err != nil || len(rows) != people-10 {
		t.Fatalf("%d rows %v", len(rows), err)
	}
	for _, r := range rows {
		if slices.ContainsFunc(l.passes, func(tag []byte) bool { return bytes.Equal(tag, g.Tag("umfragen/urne", r.ID)) }) || slices.Contains(ids, r.ID) {
			t.Error("an answer is told by its id")
		}
	}
	for _, name := range []string{"auxiliary.db", "auxiliary.db-wal"} {
		for i := range people {
			if bytes.Contains(last[name], []byte(ids[i])) || bytes.Contains(last[name], l.answers[i]) || bytes.Contains(last[name], l.passes[i]) ||
				bytes.Contains(last[name], []byte(hex.EncodeToString(l.passes[i]))) {
				t.Errorf("%s knows of person %d", name, i)
			}
		}
	}
	t.Logf("%-40s %3d joined", "a copy of the urn, by its pages", atMost)
}

// attackUrn joins what is in one copy of the urn by the places in its pages. With
// m in it, lots join one pair on average with variance one.
func attackUrn(t *testing.T, c copied, l loot) int {
	t.Helper()
	var passes, answers []int
	at := map[string]int{}
	for i := range l.passes {
		if p := bytes.Index(c["urn.db"], l.passes[i]); p >= 0 {
			passes = append(passes, i)
			at[fmt.Sprint("p", i)] = p
		}
		if a := bytes.Index(c["urn.db"], l.answers[i]); a >= 0 {
			answers = append(answers, i)
			at[fmt.Sprint("a", i)] = a
		}
	}
	if len(passes) < 10 || len(passes) > 19 || len(passes) != len(answers) {
		t.Errorf("%d passes and %d answers in the urn's file, of %d: something deleted stays behind", len(passes), len(answers), len(l.passes))
		return 0
	}
	if len(bytes.TrimRight(c["urn.db-journal"], "\x00")) > 0 {
		t.Error("a journal stayed behind")
	}
	slices.SortFunc(passes, func(a, b int) int { return at[fmt.Sprint("p", a)] - at[fmt.Sprint("p", b)] })
	slices.SortFunc(answers, func(a, b int) int { return at[fmt.Sprint("a", a)] - at[fmt.Sprint("a", b)] })
	n := joined(passes, answers)
	if n > 6 { // the better of two directions; lots pass once in more than 5,000 runs
		t.Errorf("%d of %d joined in a copy of the urn", n, len(passes))
	}
	return n
}

// TestTheAttacksBreakNaiveTables is the negative control: two tables that have no
// column in common and look separate.
func TestTheAttacksBreakNaiveTables(t *testing.T) {
	t.Parallel()
	for what, schema := range map[string]struct{ passes, answers string }{
		"numbered rows": {
			`CREATE TABLE passes (hash BLOB, tag BLOB, used INTEGER)`,
			`CREATE TABLE answers (id INTEGER PRIMARY KEY AUTOINCREMENT, answers TEXT, at INTEGER)`,
		},
		"random keys, one transaction each": {
			`CREATE TABLE passes (hash BLOB PRIMARY KEY, tag BLOB, used INTEGER) WITHOUT ROWID`,
			`CREATE TABLE answers (id BLOB PRIMARY KEY, answers TEXT, at INTEGER) WITHOUT ROWID`,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			db, err := base.Connect(filepath.Join(dir, "data.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			db.DB().SetMaxOpenConns(1)
			run := func(q string, p dbx.Params) {
				t.Helper()
				if _, err := db.NewQuery(q).Bind(p).Execute(); err != nil {
					t.Fatal(err)
				}
			}
			run(schema.passes, nil)
			run(schema.answers, nil)
			l := loot{}
			random := func() []byte {
				b := make([]byte, 16)
				for i := range b {
					b[i] = byte(rand.UintN(256))
				}
				return b
			}
			for i := range people {
				tag, text := random(), fmt.Sprintf("number %03d of %03d", rand.IntN(1000), i)
				l.passes, l.answers = append(l.passes, tag), append(l.answers, []byte(text))
				err := db.Transactional(func(tx *dbx.Tx) error {
					if _, err := tx.NewQuery(`INSERT INTO passes VALUES ({:h}, {:t}, 1)`).Bind(dbx.Params{"h": random(), "t": tag}).Execute(); err != nil {
						return err
					}
					at := time.Now().UnixMilli()
					var err error
					if strings.Contains(schema.answers, "AUTOINCREMENT") {
						_, err = tx.NewQuery(`INSERT INTO answers (answers, at) VALUES ({:a}, {:at})`).Bind(dbx.Params{"a": text, "at": at}).Execute()
					} else {
						_, err = tx.NewQuery(`INSERT INTO answers VALUES ({:id}, {:a}, {:at})`).Bind(dbx.Params{"id": random(), "a": text, "at": at}).Execute()
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				l.copies = append(l.copies, copyFiles(t, dir, "data.db", "data.db-wal"))
				if len(l.copies) > 1 && i%7 != 0 { // as often as the attacker of the other test
					l.copies = l.copies[:len(l.copies)-1]
				}
			}
			l.copies = append(l.copies, copyFiles(t, dir, "data.db", "data.db-wal"))
			best := 0
			for what, n := range l.attacks() {
				t.Logf("%-40s %3d of %d joined", what, n, people)
				best = max(best, n)
			}
			if best < people*95/100 {
				t.Errorf("the best attack joins %d of %d: it would prove nothing", best, people)
			}
		})
	}
}
