package booking

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Refusals of the questionnaire for those who came.
var (
	ErrNoQuestionnaire = base.Refuse(http.StatusConflict, "questionnaire_none")  // none, or its time is over
	ErrNotOver         = base.Refuse(http.StatusConflict, "questionnaire_early") // the event is not over
	ErrNotCame         = base.Refuse(http.StatusForbidden, "pass_not_came")      // nobody was let in on this booking
	ErrPassGiven       = base.Refuse(http.StatusConflict, "pass_given")
)

// questionnaire is the one that those who came may answer now.
type questionnaire struct {
	Slug  string
	Title content.Text
	Until time.Time // passes are good until then, all of an event until the same moment
}

// questionnaireOf gives the questionnaire of an event, or why there is none now. It is
// there from the end of the event until names are forgotten.
func (s *Service) questionnaireOf(ev content.Event, now time.Time) (questionnaire, error) {
	q := questionnaire{Slug: ev.Survey, Until: endOf(ev).Add(Keep)}
	switch {
	case s.Survey == nil || ev.Survey == "" || ev.Cancelled:
		return q, ErrNoQuestionnaire
	case !isOver(ev, now):
		return q, ErrNotOver
	case !now.Before(q.Until):
		return q, ErrNoQuestionnaire
	}
	title, closes, err := s.Survey(ev.Survey)
	if err == base.ErrNotFound {
		return q, ErrNoQuestionnaire
	}
	if !closes.IsZero() && closes.Before(q.Until) {
		q.Until = closes
	}
	q.Title = title
	return q, err
}

// checkSurvey refuses an event whose questionnaire is none for those who came.
func (s *Service) checkSurvey(ev content.Event) error {
	if s.Survey == nil || ev.Survey == "" {
		return nil
	}
	_, _, err := s.Survey(ev.Survey)
	switch {
	case err == base.ErrNotFound:
		return content.Problems{{Field: "survey", Code: "survey_not_attended"}}
	case asRefusal(err) != nil: // not open now
		return nil
	}
	return err
}

// TakePasses marks every place of a booking on which somebody came and whose pass was not
// given out yet, and gives the numbers of the places that the key has marked, now or in an
// earlier call: the same form sent twice gets the same passes, another one [ErrPassGiven].
//
// What is stored is a hash of the key. The passes are made of the key itself, which
// is not stored, so nothing leads from a place to its pass or back.
func (s *Service) TakePasses(reference, key string) (numbers []int, err error) {
	mark := base.Hash("questionnaire", key)
	err = s.p.App.RunInTransaction(func(tx core.App) error {
		c, err := get(tx.DB(), reference)
		if err != nil {
			return err
		}
		if !c.admitted() {
			return ErrNotCame
		}
		params := dbx.Params{"reference": reference, "mark": mark}
		if _, err := tx.DB().NewQuery(`UPDATE tickets SET pass_mark = {:mark}
			WHERE reference = {:reference} AND checked_in IS NOT NULL AND released IS NULL AND pass_mark = ''`).Bind(params).Execute(); err != nil {
			return err
		}
		if err := tx.DB().NewQuery(`SELECT number FROM tickets WHERE reference = {:reference} AND pass_mark = {:mark} ORDER BY number`).
			Bind(params).Column(&numbers); err != nil || len(numbers) > 0 {
			return err
		}
		given := 0
		if err := tx.DB().NewQuery(`SELECT count(*) FROM tickets WHERE reference = {:reference} AND pass_mark <> ''`).Bind(params).Row(&given); err != nil {
			return err
		}
		if given > 0 {
			return ErrPassGiven
		}
		return ErrNotCame
	})
	return numbers, err
}

// admitted reports whether the door lets in on this claim.
func (c Claim) admitted() bool {
	return c.Kind == KindBooking && (c.State == Confirmed || c.State == Active)
}

// askedNow is what the page of a booking says of the questionnaire.
type askedNow struct {
	Title, TitleLang string
	Open             int // places on which somebody came and whose pass nobody took
	Given            int // places whose pass was given out
	Key              string
}

// asking gives nil when there is nothing to say.
func (s *Service) asking(c Claim, ev content.Event, lang string) (*askedNow, error) {
	q, err := s.questionnaireOf(ev, s.p.Now())
	if err != nil && asRefusal(err) == nil {
		return nil, err
	}
	if err != nil || !c.admitted() {
		return nil, nil
	}
	a := &askedNow{Key: base.NewToken()}
	var used string
	if a.Title, used = q.Title.In(lang); used != lang {
		a.TitleLang = content.Locale(used)
	}
	err = s.p.App.DB().NewQuery(`SELECT count(*) FILTER (WHERE pass_mark = ''), count(*) FILTER (WHERE pass_mark <> '')
		FROM tickets WHERE reference = {:reference} AND released IS NULL AND (checked_in IS NOT NULL OR pass_mark <> '')`).
		Bind(dbx.Params{"reference": c.Reference}).Row(&a.Open, &a.Given)
	if err != nil || a.Open+a.Given == 0 {
		return nil, err
	}
	return a, nil
}

// passLink is the address of a questionnaire with a pass.
type passLink struct {
	N    int // from 1
	Path string
}

// givePasses shows the passes of a booking, as links. They stand nowhere else, and the
// page can be loaded again only by sending the same form.
func (s *Service) givePasses(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, ev, ok, err := s.own(e)
	if !ok {
		return err
	}
	key := form.Get("key")
	if !isFormKey(key) {
		return base.Refuse(http.StatusBadRequest, "bad_request")
	}
	q, err := s.questionnaireOf(ev, s.p.Now())
	if err != nil {
		return err
	}
	numbers, err := s.TakePasses(c.Reference, key)
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	page := struct {
		Title, TitleLang, Until, Origin string
		Links                           []passLink
	}{Until: moment(q.Until, lang), Origin: s.p.Origin}
	var used string
	if page.Title, used = q.Title.In(lang); used != lang {
		page.TitleLang = content.Locale(used)
	}
	for _, n := range numbers {
		page.Links = append(page.Links, passLink{len(page.Links) + 1, s.Pass(q.Slug, lang, key+"/"+strconv.Itoa(n), q.Until)})
	}
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	return s.p.Show(e, http.StatusOK, templates, "passes", base.View{Title: s.p.Words.In(lang, "booking.pass.title"), Data: page})
}

// Ask writes one mail to every holder of a booking on which somebody came and has not
// taken the pass, once the event is over and its questionnaire takes answers; it
// tells how many. The mail leads to the page of the booking and holds no pass.
func (s *Service) Ask(ctx context.Context) (n int, err error) {
	events, err := s.events.all(s.p.App.DB())
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, ev := range events {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		now := s.p.Now()
		if _, err := s.questionnaireOf(ev, now); err != nil {
			if asRefusal(err) == nil {
				errs = append(errs, err)
			}
			continue
		}
		err := s.p.App.RunInTransaction(func(tx core.App) error {
			var list []Claim
			if err := tx.DB().NewQuery(`SELECT ` + claimColumns + ` FROM claims WHERE event = {:event} AND kind = 'booking' AND state IN ('active', 'confirmed') AND email <> ''
				AND EXISTS (SELECT 1 FROM tickets t WHERE t.reference = claims.reference AND t.checked_in IS NOT NULL AND t.released IS NULL AND t.pass_mark = '')
				AND NOT EXISTS (SELECT 1 FROM claim_events e WHERE e.reference = claims.reference AND e.what = 'asked') ORDER BY reference`).
				Bind(dbx.Params{"event": ev.Slug}).All(&list); err != nil {
				return err
			}
			for _, c := range list {
				if err := s.putMailOf(tx, ev, c, mailAsked, false); err != nil {
					return err
				}
				if err := note(tx, c, "asked", "", now); err != nil {
					return err
				}
			}
			n += len(list)
			return nil
		})
		errs = append(errs, err)
	}
	if n > 0 {
		s.p.WakeOrders()
	}
	return n, errors.Join(errs...)
}
