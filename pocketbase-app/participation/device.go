package participation

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Kinds of devices on which surveys are answered; they are channels of responses too.
const (
	kindTerminal = "terminal"
	kindTablet   = "tablet"
)

var deviceKinds = []string{kindTerminal, kindTablet}

const (
	deviceCookie   = "geraet"
	deviceLife     = 365 * 24 * time.Hour // of the cookie, from the pairing on
	codeLife       = 15 * time.Minute
	defaultLimit   = 120 // seconds without input on a shared device
	devicesPath    = "/redaktion/geraete/"
	deviceAttempts = 10 // codes that one network may try in an hour
)

func codeHash(code string) string         { return base.Hash("device code", code) }
func deviceTokenHash(token string) string { return base.Hash("device token", token) }

// device is the kind of the paired device that a request comes from, "" when it
// comes from somebody's own. Who is at a shared device must not find what others
// left there: see [Participation.leave].
func (pt *Participation) device(r *http.Request) (kind string, err error) {
	c, err := r.Cookie(deviceCookie)
	if err != nil || len(c.Value) != 32 {
		return "", nil
	}
	err = pt.p.App.DB().NewQuery(`SELECT d.kind FROM device_tokens t JOIN devices d ON d.id = t.device
		WHERE t.hash = {:hash} AND d.disabled = FALSE`).Bind(dbx.Params{"hash": deviceTokenHash(c.Value)}).Row(&kind)
	if base.IsNoRows(err) {
		return "", nil
	}
	return kind, err
}

// channel is the channel of responses from this request.
func (pt *Participation) channel(r *http.Request) (string, error) {
	kind, err := pt.device(r)
	if slices.Contains(deviceKinds, kind) {
		return kind, err
	}
	return web, err
}

// idleView is what a shared device does when nobody touches it any more.
type idleView struct {
	Seconds int    // without input
	Leave   string // address that wipes
}

// idle is nil on somebody's own device.
func (pt *Participation) idle(r *http.Request, q *survey.Questionnaire) (*idleView, error) {
	kind, err := pt.device(r)
	if err != nil || kind == "" {
		return nil, err
	}
	seconds := q.TimeLimit
	if seconds == 0 {
		seconds = defaultLimit
	}
	return &idleView{Seconds: seconds, Leave: path(r, q.Slug, "verlassen")}, nil
}

// idlePart renders it for a page of the journey.
func (pt *Participation) idlePart(r *http.Request, q *survey.Questionnaire) (template.HTML, error) {
	idle, err := pt.idle(r, q)
	if err != nil || idle == nil {
		return "", err
	}
	lang := base.Lang(r)
	view := itemsView{say: func(key string, args ...any) string { return pt.p.Words.In(lang, key, args...) }}
	var b bytes.Buffer
	err = templates["idle"].Execute(&b, map[string]any{"Idle": idle, "View": view})
	return template.HTML(b.String()), err
}

// leave ends what somebody began in this browser: the draft, unless it was saved
// with a link, the cookie and what the browser has in store. Then the next one may
// begin. A link (GET) does so on shared devices only.
func (pt *Participation) leave(e *core.RequestEvent) error {
	slug := e.Request.PathValue("slug")
	kind, err := pt.device(e.Request)
	if err != nil {
		return err
	}
	if e.Request.Method == http.MethodGet && kind == "" {
		return seeOther(e, path(e.Request, slug, "teilnehmen"))
	}
	if t := token(e.Request, slug); t != "" {
		res, err := pt.p.App.DB().NewQuery(`DELETE FROM survey_drafts WHERE hash = {:hash} AND saved = 0`).
			Bind(dbx.Params{"hash": draftHash(t)}).Execute()
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err == nil && n > 0 && kind == kindTerminal {
			if err := pt.countUse(0, 1); err != nil {
				return err
			}
		}
	}
	pt.setToken(e, slug, "", -time.Second)
	e.Response.Header().Set("Clear-Site-Data", `"cache"`) // cookies would take the device's own along, storage its outbox
	return seeOther(e, "/umfragen/"+slug+"/teilnehmen/")
}

// countUse adds to how often surveys were begun at terminals and given up there.
func (pt *Participation) countUse(begun, givenUp int) error {
	_, err := pt.p.App.DB().NewQuery(`INSERT INTO terminal_months (month, begun, given_up) VALUES ({:month}, {:begun}, {:given_up})
		ON CONFLICT (month) DO UPDATE SET begun = begun + excluded.begun, given_up = given_up + excluded.given_up`).
		Bind(dbx.Params{"month": pt.p.Now().In(content.Berlin).Format("2006-01"), "begun": begun, "given_up": givenUp}).Execute()
	return err
}

// bindDevices binds the pairing of devices.
func (pt *Participation) bindDevices(se *core.ServeEvent) {
	pt.p.RoutePublic(se, "GET", "/umfragen/{slug}/verlassen/{$}", pt.leave)
	pt.p.RoutePublic(se, "POST", "/umfragen/{slug}/verlassen/{$}", pt.leave)
	pt.p.Route(se, "GET", "/geraet/{$}", pt.showPairing)
	pt.p.Route(se, "POST", "/geraet/{$}", pt.pair)
	admin := base.Need(base.Admin)
	pt.p.Route(se, "GET", devicesPath+"{$}", pt.showDevices, admin)
	pt.p.Route(se, "POST", devicesPath+"{$}", pt.addDevice, admin)
	pt.p.Route(se, "POST", devicesPath+"{id}/code/{$}", pt.newDeviceCode, admin)
	pt.p.Route(se, "POST", devicesPath+"{id}/sperren/{$}", pt.disableDevice, admin)
}

func (pt *Participation) showPairing(e *core.RequestEvent) error {
	kind, err := pt.device(e.Request)
	if err != nil {
		return err
	}
	return pt.showPair(e, http.StatusOK, kind, url.Values{}, nil)
}

func (pt *Participation) showPair(e *core.RequestEvent, status int, kind string, form url.Values, problems content.Problems) error {
	return pt.p.Show(e, status, templates, "device", base.View{
		Title: pt.p.Words.In(content.German, "participation.device_title"), Form: form, Problems: problems, Data: kind,
	})
}

// pair takes a code and gives the browser its token.
func (pt *Participation) pair(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	giveBack, wait := pt.pairings.Take(base.Network(e.RealIP()), pt.p.Now())
	if wait > 0 {
		return base.Refuse(http.StatusTooManyRequests, "too_many_requests")
	}
	code := strings.NewReplacer("O", "0", "I", "1", "L", "1", "-", "").Replace(strings.ToUpper(strings.Join(strings.Fields(form.Get("code")), "")))
	token := base.NewToken()
	found := false
	err = pt.p.App.RunInTransaction(func(tx core.App) error {
		params := dbx.Params{"code": codeHash(code), "now": pt.p.Now().UnixMilli(), "token": deviceTokenHash(token)}
		var id string
		err := tx.DB().NewQuery(`SELECT c.device FROM device_codes c JOIN devices d ON d.id = c.device
			WHERE c.hash = {:code} AND c.expires > {:now} AND d.disabled = FALSE`).Bind(params).Row(&id)
		if base.IsNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		params["device"] = id
		for _, q := range []string{
			`DELETE FROM device_codes WHERE device = {:device} OR expires <= {:now}`,
			`DELETE FROM device_tokens WHERE device = {:device}`, // one device is one browser
			`INSERT INTO device_tokens (hash, device) VALUES ({:token}, {:device})`,
		} {
			if _, err := tx.DB().NewQuery(q).Bind(params).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !found {
		return pt.showPair(e, http.StatusUnprocessableEntity, "", form, content.Problems{{Field: "code", Code: "device_code_unknown"}})
	}
	giveBack()
	http.SetCookie(e.Response, &http.Cookie{
		Name: deviceCookie, Value: token, Path: "/", MaxAge: int(deviceLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(pt.p.Origin, "https://"),
	})
	return seeOther(e, "/geraet/")
}

// deviceLine is one device in the list of staff.
type deviceLine struct {
	ID       string `db:"id"`
	Name     string `db:"name"`
	Kind     string `db:"kind"`
	Place    string `db:"place"`
	Disabled bool   `db:"disabled"`
	Paired   bool   `db:"paired"`
}

func (pt *Participation) showDevices(e *core.RequestEvent) error {
	return pt.listDevices(e, http.StatusOK, "", "", url.Values{}, nil)
}

// listDevices shows the devices, and once the code that pairs one of them.
func (pt *Participation) listDevices(e *core.RequestEvent, status int, name, code string, form url.Values, problems content.Problems) error {
	var lines []deviceLine
	err := pt.p.App.DB().NewQuery(`SELECT id, name, kind, place, disabled, EXISTS (SELECT 1 FROM device_tokens t WHERE t.device = devices.id) AS paired
		FROM devices ORDER BY disabled, name, id LIMIT 500`).All(&lines)
	if err != nil {
		return err
	}
	return pt.p.Show(e, status, templates, "staff-devices", base.View{
		Title: pt.p.Words.In(content.German, "staff.devices.title"), Form: form, Problems: problems,
		Data: map[string]any{"Devices": lines, "Kinds": deviceKinds, "Name": name, "Code": code, "Minutes": int(codeLife.Minutes()), "Origin": pt.p.Origin},
	})
}

// addDevice registers a device and shows its code.
func (pt *Participation) addDevice(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	var problems content.Problems
	name, place := strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("place"))
	if name == "" {
		problems.Add("name", "required")
	}
	for field, s := range map[string]string{"name": name, "place": place} {
		if utf8.RuneCountInString(s) > 120 {
			problems.Add(field, "too_long", "max", 120)
		}
	}
	if !slices.Contains(deviceKinds, form.Get("kind")) {
		problems.Add("kind", "required")
	}
	if len(problems) > 0 {
		return pt.listDevices(e, http.StatusUnprocessableEntity, "", "", form, problems)
	}
	c, err := pt.p.App.FindCachedCollectionByNameOrId("devices")
	if err != nil {
		return err
	}
	r := core.NewRecord(c)
	r.SetEmail(strings.ToLower(base.NewToken()) + "@device.invalid") // accounts must have one; nobody signs in with it
	r.SetRandomPassword()
	r.Set("name", name)
	r.Set("place", place)
	r.Set("kind", form.Get("kind"))
	if err := pt.p.App.Save(r); err != nil {
		return err
	}
	return pt.showCode(e, r)
}

func (pt *Participation) newDeviceCode(e *core.RequestEvent) error {
	r, err := pt.findDevice(e)
	if err != nil {
		return err
	}
	return pt.showCode(e, r)
}

func (pt *Participation) findDevice(e *core.RequestEvent) (*core.Record, error) {
	r, err := pt.p.App.FindRecordById("devices", e.Request.PathValue("id"))
	if base.IsNoRows(err) || err == nil && r.GetBool("disabled") {
		return nil, base.ErrNotFound
	}
	return r, err
}

func (pt *Participation) showCode(e *core.RequestEvent, r *core.Record) error {
	code := base.NewToken()[:10]
	err := pt.p.App.RunInTransaction(func(tx core.App) error {
		if _, err := tx.DB().NewQuery(`DELETE FROM device_codes WHERE device = {:device}`).Bind(dbx.Params{"device": r.Id}).Execute(); err != nil {
			return err
		}
		_, err := tx.DB().NewQuery(`INSERT INTO device_codes (hash, device, expires) VALUES ({:hash}, {:device}, {:expires})`).
			Bind(dbx.Params{"hash": codeHash(code), "device": r.Id, "expires": pt.p.Now().Add(codeLife).UnixMilli()}).Execute()
		return err
	})
	if err != nil {
		return err
	}
	return pt.listDevices(e, http.StatusOK, r.GetString("name"), code[:5]+"-"+code[5:], url.Values{}, nil)
}

// disableDevice takes a device's token away for good.
func (pt *Participation) disableDevice(e *core.RequestEvent) error {
	r, err := pt.findDevice(e)
	if err != nil {
		return err
	}
	err = pt.p.App.RunInTransaction(func(tx core.App) error {
		for _, q := range []string{`UPDATE devices SET disabled = TRUE WHERE id = {:id}`, `DELETE FROM device_tokens WHERE device = {:id}`, `DELETE FROM device_codes WHERE device = {:id}`} {
			if _, err := tx.DB().NewQuery(q).Bind(dbx.Params{"id": r.Id}).Execute(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return seeOther(e, devicesPath)
}
