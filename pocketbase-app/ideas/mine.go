package ideas

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Who opened a private link stays in for mineLife. The cookie holds the link's
// own token, of which only the hash is stored.
const (
	mineCookie = "meine-idee"
	mineLife   = 30 * time.Minute
)

// mine is the idea of the visitor's cookie, [base.ErrNotFound] without one.
func (x *Ideas) mine(e *core.RequestEvent) (*Idea, string, error) {
	kept, err := e.Request.Cookie(mineCookie)
	if err != nil {
		return nil, "", base.ErrNotFound
	}
	i, err := findBy(x.Platform.App.DB(), "secret_hash", linkHash(kept.Value))
	return i, kept.Value, err
}

// showLink is where a private link leads. The page itself tells nothing: its
// button exchanges the token in the address for the cookie, so that programs
// which open links of mails see no idea.
func (x *Ideas) showLink(e *core.RequestEvent) error {
	if _, err := findBy(x.Platform.App.DB(), "secret_hash", linkHash(e.Request.PathValue("token"))); err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	return x.Platform.Show(e, http.StatusOK, pages, "link", base.View{
		Title: x.word(lang, "idea.mine.title"), Data: map[string]any{"Token": e.Request.PathValue("token")},
	})
}

func (x *Ideas) enter(e *core.RequestEvent) error {
	token := strings.ToLower(e.Request.PathValue("token"))
	if _, err := findBy(x.Platform.App.DB(), "secret_hash", linkHash(token)); err != nil {
		return err
	}
	e.SetCookie(x.cookie(mineCookie, token, mineLife))
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/meine-idee/")
}

func (x *Ideas) leave(e *core.RequestEvent) error {
	e.SetCookie(x.cookie(mineCookie, "", 0))
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/ideen/")
}

func (x *Ideas) showMine(e *core.RequestEvent) error {
	i, token, err := x.mine(e)
	if errors.Is(err, base.ErrNotFound) {
		lang := base.Lang(e.Request)
		return x.Platform.Show(e, http.StatusOK, pages, "nothing", base.View{Title: x.word(lang, "idea.mine.title")})
	}
	if err != nil {
		return err
	}
	return x.minePage(e, http.StatusOK, i, token, base.View{})
}

// told is an event as the author reads it.
type told struct {
	At, ISO, What string
	Message       prose
}

func (x *Ideas) told(lang string, events []Event) []told {
	var out []told
	for _, ev := range events {
		t := told{At: showDay(ev.At, lang), ISO: time.UnixMilli(ev.At).In(content.Berlin).Format(time.DateOnly), Message: prose(ev.Message)}
		t.What = x.word(lang, "idea.did."+ev.Kind)
		switch {
		case ev.Kind == didAnswer:
			t.What = x.word(lang, "idea.status."+ev.Status)
		case ev.Reason != "":
			t.What += " " + x.word(lang, "idea.reason."+ev.Reason)
		}
		out = append(out, t)
	}
	return out
}

func (x *Ideas) minePage(e *core.RequestEvent, status int, i *Idea, token string, v base.View) error {
	lang := base.Lang(e.Request)
	events, err := history(x.Platform.App.DB(), i.Number)
	if err != nil {
		return err
	}
	q := e.Request.URL.Query()
	data := map[string]any{
		"Idea": i, "Events": x.told(lang, events), "Text": prose(i.Text), "Lang": "", "Votes": x.votesInWords(lang, i.Votes),
		"New": q.Get("neu") != "", "Notice": "", "Link": x.Platform.Origin + base.Prefix(lang) + "/meine-idee/" + token + "/",
		"Alt":  x.altOf(i, i.Language),
		"Open": i.State == stateNew || i.State == stateAsked, "Alive": !decided(i.State), "Page": "", "Other": (*Idea)(nil),
	}
	if q.Get("gespeichert") != "" {
		data["Notice"] = "idea.mine.saved"
	}
	if i.Language != lang {
		data["Lang"] = content.Locale(i.Language)
	}
	if i.State == stateReleased {
		data["Page"] = i.address()
	}
	if i.State == stateMerged {
		other, err := find(x.Platform.App.DB(), i.Into)
		if err != nil {
			return err
		}
		events, err := history(x.Platform.App.DB(), other.Number)
		if err != nil {
			return err
		}
		if other.State == stateReleased {
			data["Other"], data["Page"], data["OtherEvents"] = other, other.address(), x.told(lang, answers(events))
		}
	}
	if v.Form == nil {
		v.Form = map[string][]string{"title": {i.Title}, "text": {i.Text}, "alt": {i.Alt}}
	}
	v.Title, v.Data = x.word(lang, "idea.mine.title"), data
	return x.Platform.Show(e, status, pages, "mine", v)
}

// answers are the events that everybody may read.
func answers(events []Event) []Event {
	var out []Event
	for _, ev := range events {
		if ev.Kind == didAnswer {
			out = append(out, ev)
		}
	}
	return out
}

func (x *Ideas) changeMine(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	i, token, err := x.mine(e)
	if err != nil {
		return err
	}
	var ps content.Problems
	was, ev := i.State, Event{}
	follow := func(core.App) error { return nil }
	switch form.Get("aktion") {
	case "antworten":
		title := checkText(&ps, "title", form.Get("title"), minTitle, maxTitle, true)
		text := checkText(&ps, "text", form.Get("text"), minText, maxText, true)
		ev = Event{Kind: didReply, Message: checkText(&ps, "message", form.Get("message"), 0, maxMessage, false)}
		if strings.Contains(title, "\n") {
			ps.Add("title", "not_text")
		}
		if was != stateNew && was != stateAsked {
			ps.Add("title", "idea_not_now")
		}
		alt := checkAlt(&ps, form)
		i.Title, i.Text, i.State = title, text, stateNew
		follow = func(tx core.App) error {
			switch {
			case form.Get("no_picture") == "ja":
				return dropPicture(tx, i.Number)
			case form.Has("alt"):
				return describe(tx, i.Number, alt)
			}
			return nil
		}
	case "zurueckziehen":
		if form.Get("sure") != "ja" {
			ps.Add("sure", "required")
		}
		ev, i.State, i.Into, i.Went = Event{Kind: didWithdraw}, stateWithdrawn, 0, 0
	default:
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	if len(ps) == 0 {
		err = x.Platform.App.RunInTransaction(func(tx core.App) error {
			if ev.Kind == didWithdraw {
				if was == stateWithdrawn {
					return nil
				}
				if err := x.forget(tx, i); err != nil {
					return err
				}
			}
			if err := follow(tx); err != nil {
				return err
			}
			return x.save(tx, i, was, ev)
		})
		if errors.Is(err, errStale) {
			ps.Add("title", "idea_changed")
		}
	}
	if len(ps) > 0 {
		if i, err = find(x.Platform.App.DB(), i.Number); err != nil {
			return err
		}
		if !form.Has("title") {
			form.Set("title", i.Title)
			form.Set("text", i.Text)
			form.Set("alt", i.Alt)
		}
		return x.minePage(e, http.StatusUnprocessableEntity, i, token, base.View{Form: form, Problems: ps})
	}
	if err != nil {
		return err
	}
	x.Wake()
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/meine-idee/?gespeichert=1")
}

// forget empties what an author wrote, in the transaction that withdraws the
// idea: texts, picture, messages, contact and votes.
func (x *Ideas) forget(tx core.App, i *Idea) error {
	i.Slug, i.Title, i.Text, i.Name, i.Place, i.Lat, i.Lon = "", "", "", "", "", 0, 0
	for _, sql := range []string{
		`UPDATE idea_events SET message = '', note = '' WHERE idea = {:idea}`,
		`DELETE FROM idea_contacts WHERE idea = {:idea}`,
		`DELETE FROM idea_pictures WHERE idea = {:idea}`,
		`DELETE FROM idea_kept_votes WHERE idea = {:idea}`,
		`UPDATE ideas SET forgotten = {:now} WHERE number = {:idea}`,
	} {
		_, err := tx.DB().NewQuery(sql).Bind(dbx.Params{"idea": i.Number, "now": x.Platform.Now().UnixMilli()}).Execute()
		if err != nil {
			return err
		}
	}
	return dropVotes(tx, i.Number)
}
