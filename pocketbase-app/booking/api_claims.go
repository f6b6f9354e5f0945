package booking

import (
	"net/http"
	"slices"
	"time"

	"servicepoint/content"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// apiTake answers the routes that take places: hold, or join the waiting list.
func (s *Service) apiTake(take func(Order) (Answer, bool, error), read func(http.ResponseWriter, *http.Request) (Request, error)) func(*core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		key, err := base.IdempotencyKey(e.Request)
		if err != nil {
			return err
		}
		req, err := read(e.Response, e.Request)
		if err != nil {
			return err
		}
		a, repeated, err := take(Order{
			Event: e.Request.PathValue("slug"), Request: req,
			Language: base.AcceptedLanguage(e.Request), Channel: API, Key: "api:" + key,
		})
		return answerClaim(e, http.StatusCreated, a, repeated, err)
	}
}

func answerClaim(e *core.RequestEvent, status int, a Answer, repeated bool, err error) error {
	if err != nil {
		return err
	}
	if repeated {
		status = http.StatusOK
	}
	e.Response.Header().Set("Cache-Control", "no-store")
	return e.JSON(status, a)
}

// readHold reads the body of a hold: nobody needs to say who they are yet.
func readHold(w http.ResponseWriter, r *http.Request) (Request, error) {
	var body struct {
		Places *int   `json:"places"`
		Pool   string `json:"pool"`
	}
	if _, err := base.DecodeJSON(w, r, &body); err != nil {
		return Request{}, err
	}
	req := Request{Places: 1, Pool: body.Pool}
	if body.Places != nil {
		req.Places = *body.Places
	}
	return req.checkedPlaces(nil)
}

// holderActs are what the holder of a claim may do by the API.
var holderActs = []string{Extend, Confirm, Release, Accept, Decline, Cancel, Transfer, Move}

// apiAct changes a claim. Whoever does not know its secret hears that it does not exist.
func (s *Service) apiAct(e *core.RequestEvent) error {
	what, reference := e.Request.PathValue("act"), base.NormaliseReference(e.Request.PathValue("reference"))
	if !slices.Contains(holderActs, what) {
		return base.ErrNotFound
	}
	key, err := base.IdempotencyKey(e.Request)
	if err != nil {
		return err
	}
	var body struct {
		Secret  string `json:"secret"`
		Name    string `json:"name"`
		Email   string `json:"email"`
		Event   string `json:"event"`
		Tickets []int  `json:"tickets"`
	}
	if _, err := base.DecodeJSON(e.Response, e.Request, &body); err != nil {
		return err
	}
	if body.Secret == "" {
		return content.Problems{{Field: "secret", Code: "required"}}
	}
	act := Act{What: what, Reference: reference, Key: "api:" + key, Event: body.Event, Numbers: body.Tickets}
	if body.Name != "" || body.Email != "" || what == Transfer {
		if act.Request, err = (Request{Name: body.Name, Email: body.Email, Places: 1}).checked(nil); err != nil {
			return err
		}
		act.Places, act.Language = 0, base.AcceptedLanguage(e.Request)
	}
	answerAt := time.After(s.Pause)
	ok, err := s.opens(reference, body.Secret)
	if err != nil {
		return err
	}
	if !ok {
		if !s.mayTry(e, reference) {
			return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
		}
		select {
		case <-answerAt:
		case <-e.Request.Context().Done():
		}
		return base.ErrNotFound
	}
	a, repeated, err := s.Do(act)
	return answerClaim(e, http.StatusOK, a, repeated, err)
}
