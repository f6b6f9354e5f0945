package ideas

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

const queuePage = 50 // ideas on one page of the queue

// row is an idea in the queue.
type row struct {
	Idea
	CallTitle string `db:"call_title"`
	Age       string `db:"-"`
	Old       bool   `db:"-"` // waits longer than it should
}

// slow is how long a new idea may wait before the queue marks it.
const slow = 3 * 24 * time.Hour

// queue lists ideas: those that wait for a moderator, the oldest first, unless
// another state is asked for.
func (x *Ideas) queue(e *core.RequestEvent) error {
	q := e.Request.URL.Query()
	state := q.Get("stand")
	if !slices.Contains(States, state) {
		state = stateNew
	}
	var counted []struct {
		State string `db:"state"`
		N     int    `db:"n"`
	}
	db := x.Platform.App.DB()
	if err := db.NewQuery(`SELECT state, COUNT(*) AS n FROM ideas GROUP BY state`).All(&counted); err != nil {
		return err
	}
	var counts []map[string]any
	for _, s := range States {
		n := 0
		for _, c := range counted {
			if c.State == s {
				n = c.N
			}
		}
		counts = append(counts, map[string]any{"State": s, "N": n, "Current": s == state})
	}
	page, _ := strconv.Atoi(q.Get("seite"))
	page = min(max(page, 1), 10_000)
	order := "i.sent, i.number"
	if state != stateNew && state != stateAsked {
		order = "i.number DESC"
	}
	var rows []row
	err := db.NewQuery(`SELECT ` + ideaColumns + `, COALESCE(c.title, i.call) AS call_title FROM ideas i LEFT JOIN calls c ON c.slug = i.call
		WHERE i.state = {:state} ORDER BY ` + order + ` LIMIT {:n} OFFSET {:skip}`).
		Bind(dbx.Params{"state": state, "n": queuePage + 1, "skip": (page - 1) * queuePage}).All(&rows)
	if err != nil {
		return err
	}
	data := map[string]any{"Counts": counts, "State": state, "Before": "", "After": "", "Notice": q.Get("meldung") == "gespeichert"}
	turned := func(n int) string {
		return "/redaktion/ideen/?" + url.Values{"stand": {state}, "seite": {strconv.Itoa(n)}}.Encode()
	}
	if page > 1 {
		data["Before"] = turned(page - 1)
	}
	if len(rows) > queuePage {
		rows, data["After"] = rows[:queuePage], turned(page+1)
	}
	for i := range rows {
		waits := x.Platform.Now().Sub(time.UnixMilli(rows[i].Sent))
		rows[i].Age = x.age(waits)
		rows[i].Old = state == stateNew && waits > slow
	}
	data["Rows"] = rows
	return x.Platform.Show(e, http.StatusOK, pages, "queue", base.View{Title: x.word(content.German, "staff.idea.title"), Data: data})
}

// age says in words how long something waits.
func (x *Ideas) age(d time.Duration) string {
	switch days := int(d / (24 * time.Hour)); {
	case days >= 2:
		return x.word(content.German, "staff.idea.days", "n", days)
	case d >= 2*time.Hour:
		return x.word(content.German, "staff.idea.hours", "n", int(d/time.Hour))
	}
	return x.word(content.German, "staff.idea.minutes")
}

func number(e *core.RequestEvent) (int64, error) {
	n, err := strconv.ParseInt(e.Request.PathValue("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, base.ErrNotFound
	}
	return n, nil
}

func (x *Ideas) showIdea(e *core.RequestEvent) error {
	n, err := number(e)
	if err != nil {
		return err
	}
	i, err := find(x.Platform.App.DB(), n)
	if err != nil {
		return err
	}
	return x.ideaPage(e, http.StatusOK, i, i.Rev, base.View{})
}

// shown is an event as staff read it.
type shown struct {
	told
	Who  string
	Note prose
}

// ideaPage shows an idea to moderators. rev is what their form goes out from: of
// a form that came back the one it had.
func (x *Ideas) ideaPage(e *core.RequestEvent, status int, i *Idea, rev int64, v base.View) error {
	db := x.Platform.App.DB()
	c := content.Call{Slug: i.Call, Title: content.Text{content.German: i.Call}}
	if live, err := x.call(i.Call); err == nil {
		c = live
	} else if !errors.Is(err, base.ErrNotFound) {
		return err
	}
	events, err := history(db, i.Number)
	if err != nil {
		return err
	}
	var list []shown
	for _, ev := range events {
		s := shown{told: x.told(content.German, []Event{ev})[0], Note: prose(ev.Note)}
		s.At, s.Who = showTime(ev.At), x.word(content.German, "staff.idea.author")
		if ev.Staff != "" {
			s.Who = x.staffName(ev.Staff)
		}
		list = append(list, s)
	}
	similar, err := x.similar(i)
	if err != nil {
		return err
	}
	topics, err := x.topics(c, content.German, i.Topic)
	if err != nil {
		return err
	}
	districts, err := x.districts(i.District)
	if err != nil {
		return err
	}
	choices := func(prefix string, codes []string, chosen string) []choice {
		var out []choice
		for _, code := range codes {
			out = append(out, choice{code, x.word(content.German, prefix+code), code == chosen})
		}
		return out
	}
	district := ""
	if i.District != "" {
		district = labelled(districts, i.District)
	}
	point := ""
	if i.Lat != 0 {
		point = strconv.FormatFloat(i.Lat, 'f', 5, 64) + ", " + strconv.FormatFloat(i.Lon, 'f', 5, 64)
	}
	var contact int
	if err := db.NewQuery(`SELECT COUNT(*) FROM idea_contacts WHERE idea = {:idea}`).Bind(dbx.Params{"idea": i.Number}).Row(&contact); err != nil {
		return err
	}
	form := v.Form
	if form == nil {
		form = url.Values{}
	}
	for name, value := range map[string]string{"title": i.Title, "text": i.Text, "name": i.Name, "place": i.Place, "alt": i.Alt} {
		if !form.Has(name) {
			form.Set(name, value)
		}
	}
	callTitle, _ := c.Title.In(content.German)
	v.Form, v.Title = form, x.word(content.German, "staff.idea.one", "n", i.Number)
	v.Data = map[string]any{
		"Idea": i, "Rev": rev, "Call": callTitle, "Text": prose(i.Text), "Events": list, "Similar": similar, "Topic": labelled(topics, i.Topic),
		"District": district, "Point": point, "Contact": contact > 0, "Sent": showTime(i.Sent), "Page": pageOf(i),
		"Alt": x.altOf(i, content.German), "PicturePath": staffPicturePath(i.Number), "PartFirst": i.State == stateMerged && i.Went != i.Into,
		"Reasons":  choices("idea.reason.", Reasons, form.Get("reason")),
		"Statuses": choices("idea.status.", content.IdeaStatuses, cmpOr(form.Get("status"), i.Status)),
		"May":      mayDo(i.State), "Saved": e.Request.URL.Query().Get("meldung") == "gespeichert", "Language": x.word(content.German, "staff.idea.language."+i.Language),
	}
	return x.Platform.Show(e, status, pages, "idea", v)
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func pageOf(i *Idea) string {
	if i.State == stateReleased {
		return i.address()
	}
	return ""
}

func (x *Ideas) staffName(id string) string {
	rec, err := x.Platform.App.FindRecordById("staff", id)
	if err != nil {
		return x.word(content.German, "staff.idea.somebody")
	}
	return rec.GetString("name")
}

// mayDo tells what a moderator can do with an idea in a state.
func mayDo(state string) map[string]bool {
	in := func(states ...string) bool { return slices.Contains(states, state) }
	return map[string]bool{
		didRelease: in(stateNew, stateAsked, stateRejected),
		didReject:  in(stateNew, stateAsked, stateReleased),
		didAsk:     in(stateNew, stateAsked),
		didEdit:    in(stateNew, stateAsked, stateReleased),
		didMerge:   in(stateNew, stateAsked, stateReleased),
		didPart:    in(stateMerged),
		didAnswer:  in(stateReleased),
	}
}

// moderate does one thing with an idea. Two moderators at once are told so (409)
// and lose nothing that they typed.
func (x *Ideas) moderate(e *core.RequestEvent) error {
	n, err := number(e)
	if err != nil {
		return err
	}
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	i, err := find(x.Platform.App.DB(), n)
	if err != nil {
		return err
	}
	rev, err := strconv.ParseInt(form.Get("rev"), 10, 64)
	if err != nil || rev < 1 {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	did := form.Get("aktion")
	if !slices.Contains([]string{didRelease, didReject, didAsk, didEdit, didMerge, didPart, didAnswer}, did) {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if i.Rev != rev {
		return x.ideaPage(e, http.StatusConflict, i, i.Rev, base.View{Form: form, Problems: content.Problems{{Field: "rev", Code: "idea_conflict"}}})
	}
	var ps content.Problems
	was := i.State
	ev := Event{Kind: did, Staff: base.Staff(e).Id, Note: checkText(&ps, "note", form.Get("note"), 0, maxMessage, false)}
	if !mayDo(was)[did] {
		ps.Add("rev", "idea_not_now")
	}
	into := x.apply(form, i, &ev, &ps)
	if len(ps) == 0 {
		err = x.Platform.App.RunInTransaction(func(tx core.App) error { return x.decide(tx, i, was, into, ev) })
		var more content.Problems
		switch {
		case errors.As(err, &more):
			ps = more
		case errors.Is(err, errStale):
			if i, err = find(x.Platform.App.DB(), n); err != nil {
				return err
			}
			return x.ideaPage(e, http.StatusConflict, i, i.Rev, base.View{Form: form, Problems: content.Problems{{Field: "rev", Code: "idea_conflict"}}})
		case err != nil:
			return err
		}
	}
	if len(ps) > 0 {
		if i, err = find(x.Platform.App.DB(), n); err != nil {
			return err
		}
		return x.ideaPage(e, http.StatusUnprocessableEntity, i, rev, base.View{Form: form, Problems: ps})
	}
	x.Wake()
	x.Platform.WakeOrders()
	if did == didEdit || did == didAnswer {
		return e.Redirect(http.StatusSeeOther, "/redaktion/ideen/"+strconv.FormatInt(n, 10)+"/?meldung=gespeichert")
	}
	return e.Redirect(http.StatusSeeOther, "/redaktion/ideen/?meldung=gespeichert")
}

// apply changes the idea as the form says and notes what is wrong. into is the
// number of the idea that this one goes into.
func (x *Ideas) apply(form url.Values, i *Idea, ev *Event, ps *content.Problems) (into int64) {
	switch ev.Kind {
	case didRelease:
		i.State = stateReleased
	case didReject:
		i.State, ev.Reason = stateRejected, form.Get("reason")
		ev.Message = checkText(ps, "reject_message", form.Get("reject_message"), 0, maxMessage, false)
		switch {
		case ev.Reason == "":
			ps.Add("reason", "required")
		case !slices.Contains(Reasons, ev.Reason):
			ps.Add("reason", "unknown_option")
		}
	case didAsk:
		i.State = stateAsked
		ev.Message = checkText(ps, "ask_message", form.Get("ask_message"), 0, maxMessage, true)
	case didEdit:
		title := checkText(ps, "title", form.Get("title"), 1, maxTitle, true)
		text := checkText(ps, "text", form.Get("text"), 1, maxText, true)
		name := checkText(ps, "name", form.Get("name"), 0, maxName, false)
		place := checkText(ps, "place", form.Get("place"), 0, maxPlace, false)
		alt := i.Alt
		if form.Has("alt") {
			alt = checkAlt(ps, form)
		}
		if title == i.Title && text == i.Text && name == i.Name && place == i.Place && alt == i.Alt && form.Get("no_point")+form.Get("no_picture") == "" {
			ps.Add("title", "idea_nothing_changed")
		}
		if title != i.Title && i.Slug != "" {
			i.Slug = slugOf(title) // the old address may hold what was taken out: it ends
		}
		if form.Get("no_picture") != "" {
			i.Picture = ""
		}
		i.Title, i.Text, i.Name, i.Place, i.Alt, i.Edited = title, text, name, place, alt, true
		if form.Get("no_point") != "" {
			i.Lat, i.Lon = 0, 0
		}
	case didMerge:
		typed := form.Get("into")
		if typed == "" || typed == "other" {
			typed = form.Get("into_number")
		}
		into, _ = strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(typed), "#"), 10, 64)
		if into < 1 || into == i.Number {
			ps.Add("into", "idea_no_survivor")
		}
		i.State, i.Into, i.Went = stateMerged, into, into
	case didPart:
		switch {
		case i.Erased != 0:
			ps.Add("rev", "idea_not_now")
		case i.Went != i.Into:
			ps.Add("rev", "idea_part_first", "number", i.Went)
		}
		into, i.Into, i.Went = i.Into, 0, 0
		if i.State = stateNew; i.Slug != "" {
			i.State = stateReleased
		}
	case didAnswer:
		ev.Status = form.Get("status")
		ev.Message = checkText(ps, "answer", form.Get("answer"), 0, maxMessage, false)
		if !slices.Contains(content.IdeaStatuses, ev.Status) {
			ps.Add("status", "unknown_option")
		} else if ev.Status == i.Status && ev.Message == "" {
			ps.Add("answer", "idea_nothing_changed")
		} else if ev.Status == "not_possible" && ev.Message == "" {
			ps.Add("answer", "idea_say_why")
		}
		i.Status = ev.Status
	}
	return into
}

// decide writes what a moderator did and what follows from it.
func (x *Ideas) decide(tx core.App, i *Idea, was string, into int64, ev Event) error {
	switch {
	case ev.Kind == didReject, ev.Kind == didEdit && i.Picture == "":
		if err := dropPicture(tx, i.Number); err != nil {
			return err
		}
	case ev.Kind == didEdit:
		if err := describe(tx, i.Number, i.Alt); err != nil {
			return err
		}
	case ev.Kind == didPart:
		if err := x.part(tx, i.Number, into); err != nil {
			return err
		}
	}
	if ev.Kind == didMerge {
		other, err := find(tx.DB(), into)
		if err != nil && !errors.Is(err, base.ErrNotFound) {
			return err
		}
		if err != nil || other.Call != i.Call || other.State != stateReleased && other.State != stateNew {
			return content.Problems{{Field: "into", Code: "idea_no_survivor"}}
		}
		if err := x.moveVotes(tx, i.Number, into); err != nil {
			return err
		}
		// What went into this idea before goes on with it.
		if _, err := tx.DB().NewQuery(`UPDATE ideas SET into_idea = {:into} WHERE into_idea = {:from}`).
			Bind(dbx.Params{"into": into, "from": i.Number}).Execute(); err != nil {
			return err
		}
	}
	if err := x.save(tx, i, was, ev); err != nil {
		return err
	}
	if ev.Kind == didEdit {
		return nil
	}
	message := ev.Message
	if ev.Reason != "" {
		message = strings.TrimSpace(x.word(i.Language, "idea.reason."+ev.Reason) + "\n\n" + message)
	}
	return x.news(tx, i, ev.Kind, message)
}

// part undoes that an idea went into another one: votes go back, and what had gone
// into it before follows it.
func (x *Ideas) part(tx core.App, number, from int64) error {
	if err := x.partVotes(tx, number, from); err != nil {
		return err
	}
	_, err := tx.DB().NewQuery(`WITH RECURSIVE below (number) AS (SELECT {:idea} UNION SELECT i.number FROM ideas i JOIN below b ON i.went_into = b.number)
		UPDATE ideas SET into_idea = {:idea} WHERE number IN (SELECT number FROM below) AND number <> {:idea} AND state = 'merged'`).
		Bind(dbx.Params{"idea": number}).Execute()
	return err
}
