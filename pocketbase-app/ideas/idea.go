package ideas

import (
	"errors"
	"strings"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Where an idea stands.
const (
	stateNew       = "new"      // waits for a moderator
	stateAsked     = "asked"    // waits for its author
	stateReleased  = "released" // on the site
	stateRejected  = "rejected"
	stateMerged    = "merged"    // went into another one
	stateWithdrawn = "withdrawn" // by its author
)

// States lists them in the order of the queue's filter.
var States = []string{stateNew, stateAsked, stateReleased, stateRejected, stateMerged, stateWithdrawn}

// What happened to an idea.
const (
	didSend     = "sent"
	didAsk      = "asked"
	didReply    = "replied"
	didEdit     = "edited"
	didRelease  = "released"
	didReject   = "rejected"
	didMerge    = "merged"
	didPart     = "parted" // a merge was undone
	didWithdraw = "withdrawn"
	didAnswer   = "answered"
)

// Reasons are the codes a rejection may give; their words are "idea.reason.<code>".
var Reasons = []string{"off_topic", "insult", "personal", "advertising", "not_city", "unclear", "known"}

// Idea is one stored idea. Times are Unix milliseconds; 0 is none.
type Idea struct {
	Number   int64   `db:"number"`
	Call     string  `db:"call"`
	Slug     string  `db:"slug"`
	Rev      int64   `db:"rev"`
	State    string  `db:"state"`
	Title    string  `db:"title"`
	Text     string  `db:"text"`
	Language string  `db:"language"`
	Topic    string  `db:"topic"`
	District string  `db:"district"`
	Place    string  `db:"place"`
	Lat      float64 `db:"lat"`
	Lon      float64 `db:"lon"`
	Name     string  `db:"name"`
	Edited   bool    `db:"edited"`
	Status   string  `db:"status"`
	Into     int64   `db:"into_idea"` // what is left of all that were merged
	Went     int64   `db:"went_into"` // what it was merged with itself
	Sent     int64   `db:"sent"`
	Released int64   `db:"released"`
	Decided  int64   `db:"decided"`
	Erased   int64   `db:"forgotten"`
	Votes    int     `db:"votes"`
	Picture  string  `db:"picture"` // name, "" without one
	Alt      string  `db:"alt"`     // by the author
}

const ideaColumns = `i.number, i.call, i.slug, i.rev, i.state, i.title, i.text, i.language, i.topic, i.district, i.place, i.lat, i.lon,
	i.name, i.edited, i.status, COALESCE(i.into_idea, 0) AS into_idea, i.sent, COALESCE(i.released, 0) AS released,
	COALESCE(i.went_into, 0) AS went_into, COALESCE((SELECT name FROM idea_pictures p WHERE p.idea = i.number), '') AS picture,
	COALESCE((SELECT alt FROM idea_pictures p WHERE p.idea = i.number), '') AS alt, COALESCE(i.decided, 0) AS decided, COALESCE(i.forgotten, 0) AS forgotten,
	COALESCE((SELECT votes FROM idea_tallies t WHERE t.idea = i.number), 0) AS votes`

// Event is one thing that happened to an idea.
type Event struct {
	N       int64  `db:"n"`
	At      int64  `db:"at"`
	Kind    string `db:"kind"`
	Staff   string `db:"staff"`
	Status  string `db:"status"`
	Reason  string `db:"reason"`
	Message string `db:"message"`
	Note    string `db:"note"`
}

// errStale means that somebody else changed the idea since the form was shown.
var errStale = errors.New("ideas: changed by somebody else")

// find reads an idea; [base.ErrNotFound] when there is none.
func find(db dbx.Builder, number int64) (*Idea, error) {
	return findBy(db, "number", number)
}

func findBy(db dbx.Builder, column string, value any) (*Idea, error) {
	var i Idea
	err := db.NewQuery(`SELECT ` + ideaColumns + ` FROM ideas i WHERE i.` + column + ` = {:value}`).Bind(dbx.Params{"value": value}).One(&i)
	if base.IsNoRows(err) {
		return nil, base.ErrNotFound
	}
	return &i, err
}

func history(db dbx.Builder, number int64) ([]Event, error) {
	var all []Event
	err := db.NewQuery(`SELECT n, at, kind, staff, status, reason, message, note FROM idea_events WHERE idea = {:idea} ORDER BY n`).
		Bind(dbx.Params{"idea": number}).All(&all)
	return all, err
}

// decided reports whether a state ends the life of an idea.
func decided(state string) bool {
	return state == stateRejected || state == stateMerged || state == stateWithdrawn
}

// save writes a changed idea over revision i.Rev together with its event, and
// asks for a build when the public sees a difference. It fails with errStale
// when the idea is not at i.Rev any more.
func (x *Ideas) save(tx core.App, i *Idea, was string, e Event) error {
	now := x.Platform.Now().UnixMilli()
	switch {
	case !decided(i.State):
		i.Decided = 0
	case i.Decided == 0 || i.State != was:
		i.Decided = now
	}
	if i.State == stateReleased && i.Released == 0 {
		i.Released, i.Slug = now, slugOf(i.Title)
	}
	res, err := tx.DB().NewQuery(`UPDATE ideas SET rev = rev + 1, slug = {:slug}, state = {:state}, title = {:title}, text = {:text},
			place = {:place}, lat = {:lat}, lon = {:lon}, name = {:name}, topic = {:topic}, district = {:district}, edited = {:edited},
			status = {:status}, into_idea = NULLIF({:into}, 0), went_into = NULLIF({:went}, 0), released = NULLIF({:released}, 0), decided = NULLIF({:decided}, 0)
		WHERE number = {:number} AND rev = {:rev}`).Bind(dbx.Params{
		"slug": i.Slug, "state": i.State, "title": i.Title, "text": i.Text, "place": i.Place, "lat": i.Lat, "lon": i.Lon, "name": i.Name,
		"topic": i.Topic, "district": i.District, "edited": i.Edited, "status": i.Status, "into": i.Into, "went": i.Went,
		"released": i.Released, "decided": i.Decided, "number": i.Number, "rev": i.Rev,
	}).Execute()
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errStale)
	}
	i.Rev++
	e.N, e.At = i.Rev, now
	if err := putEvent(tx, i.Number, e); err != nil {
		return err
	}
	if was != stateReleased && i.State != stateReleased && e.Kind != didWithdraw && e.Kind != didPart {
		return nil
	}
	actor := e.Staff
	if actor == "" {
		actor = "author"
	}
	return x.Rebuild(tx, reasonOf(i.Number, e.Kind), actor)
}

func putEvent(tx core.App, number int64, e Event) error {
	_, err := tx.DB().NewQuery(`INSERT INTO idea_events (idea, n, at, kind, staff, status, reason, message, note)
		VALUES ({:idea}, {:n}, {:at}, {:kind}, {:staff}, {:status}, {:reason}, {:message}, {:note})`).Bind(dbx.Params{
		"idea": number, "n": e.N, "at": e.At, "kind": e.Kind, "staff": e.Staff, "status": e.Status,
		"reason": e.Reason, "message": e.Message, "note": e.Note,
	}).Execute()
	return err
}

// slugOf makes the readable part of an address: "Mehr Bäume!" → "mehr-baeume".
func slugOf(title string) string {
	folded := strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss").Replace(strings.ToLower(title))
	parts := strings.FieldsFunc(folded, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	slug := strings.Join(parts, "-")
	if len(slug) > 60 {
		slug = strings.TrimRight(slug[:60], "-")
	}
	return slug
}

// address is where the idea's page stands when it is released, without language.
func (i *Idea) address() string {
	return "/" + content.Idea{Number: int(i.Number), Call: i.Call, Slug: i.Slug}.Path() + "/"
}
