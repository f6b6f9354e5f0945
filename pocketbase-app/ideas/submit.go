package ideas

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"servicepoint/content"
	"servicepoint/content/citymap"
	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Limits of what may be sent, in characters.
const (
	minTitle   = 5
	maxTitle   = 120
	minText    = 20
	maxText    = 3000
	maxPlace   = 200
	maxName    = 120
	maxEmail   = 254 // RFC 5321
	maxMessage = 2000
)

// Around Kassel: a point outside is a mistake.
const south, north, west, east = 51.20, 51.45, 9.30, 9.65

// sent is what somebody sends in.
type sent struct {
	Title, Text, Topic, District, Place, Name, Email string
	Picture, Alt                                     string
	Lat, Lon                                         float64
}

// read checks a form against its call. What comes back is trimmed.
func (x *Ideas) read(form url.Values, c content.Call, districts []choice) (sent, content.Problems) {
	var ps content.Problems
	s := sent{
		Title: checkText(&ps, "title", form.Get("title"), minTitle, maxTitle, true),
		Text:  checkText(&ps, "text", form.Get("text"), minText, maxText, true),
		Topic: form.Get("topic"), District: form.Get("district"),
	}
	if strings.Contains(s.Title, "\n") {
		ps.Add("title", "not_text")
	}
	switch {
	case s.Topic == "":
		ps.Add("topic", "required")
	case !slices.Contains(c.Topics, s.Topic):
		ps.Add("topic", "unknown_option")
	}
	if s.District != "" && !slices.ContainsFunc(districts, func(d choice) bool { return d.Value == s.District }) {
		ps.Add("district", "unknown_option")
	}
	s.Place = checkText(&ps, "place", form.Get("place"), 0, maxPlace, false)
	s.Lat, s.Lon = checkPoint(&ps, form.Get("point"))
	if !c.Anonymous {
		s.Name = checkText(&ps, "name", form.Get("name"), 0, maxName, false)
		if s.Name != "" && (!content.IsName(s.Name) || strings.Contains(s.Name, "\n")) {
			ps.Add("name", "not_text")
		}
	}
	s.Email, s.Alt = checkEmail(&ps, form.Get("email")), checkAlt(&ps, form)
	return s, ps
}

func checkText(ps *content.Problems, field, s string, least, most int, required bool) string {
	s = strings.TrimSpace(s)
	n := utf8.RuneCountInString(s)
	switch {
	case s == "" && required:
		ps.Add(field, "required")
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		ps.Add(field, "not_text")
	case s != "" && n < least:
		ps.Add(field, "too_short", "min", least)
	case n > most:
		ps.Add(field, "too_long", "max", most)
	default:
		return s
	}
	return ""
}

// checkPoint reads "51.3127, 9.4797": degrees of latitude and longitude (WGS 84).
func checkPoint(ps *content.Problems, s string) (lat, lon float64) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, 0
	}
	first, second, ok := strings.Cut(s, ",")
	lat, err := strconv.ParseFloat(strings.TrimSpace(first), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(second), 64)
	switch {
	case !ok || err != nil || err2 != nil:
		ps.Add("point", "not_point")
		return 0, 0
	case !(lat >= south && lat <= north && lon >= west && lon <= east):
		ps.Add("point", "idea_not_kassel")
		return 0, 0
	}
	return lat, lon
}

func checkEmail(ps *content.Problems, s string) string {
	if s = strings.TrimSpace(s); s == "" {
		return ""
	}
	if len(s) > maxEmail {
		ps.Add("email", "too_long", "max", maxEmail)
		return ""
	}
	a, err := mail.ParseAddress(s)
	_, domain, _ := strings.Cut(s, "@")
	if err != nil || a.Address != s || !strings.Contains(domain, ".") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		ps.Add("email", "not_email")
		return ""
	}
	return s
}

func (x *Ideas) showForm(e *core.RequestEvent) error {
	c, err := x.call(e.Request.PathValue("call"))
	if err != nil {
		return err
	}
	if err := running(c, x.Platform.Now()); err != nil {
		return err
	}
	return x.form(e, http.StatusOK, c, base.NewToken(), base.View{})
}

func (x *Ideas) form(e *core.RequestEvent, status int, c content.Call, key string, v base.View) error {
	lang := base.Lang(e.Request)
	topics, err := x.topics(c, lang, v.Form.Get("topic"))
	if err != nil {
		return err
	}
	districts, err := x.districts(v.Form.Get("district"))
	if err != nil {
		return err
	}
	fields, err := x.gateFields(e, c, v.Form, v.Problems)
	if err != nil {
		return err
	}
	picture, sent, err := broughtPicture(x.Platform.App.DB(), key)
	if err != nil {
		return err
	}
	title, used := c.Title.In(lang)
	data := map[string]any{"Call": c, "Question": title, "QuestionLang": "", "Key": key, "Topics": topics, "Districts": districts, "Until": "", "Gate": fields,
		"MapWidth": citymap.Width, "MapHeight": citymap.Height, "MapFrom": citymap.Attribution, "Clicked": v.Form.Has("karte.x"),
		"Picture": picture != "" && !sent, "Marker": marker(v.Form.Get("point"))}
	if used != lang {
		data["QuestionLang"] = content.Locale(used)
	}
	if !c.Closes.IsZero() {
		data["Until"] = showDay(c.Closes.UnixMilli(), lang)
	}
	v.Title, v.Data = x.word(lang, "idea.form.title"), data
	return x.Platform.Show(e, status, pages, "form", v)
}

func (x *Ideas) takeForm(e *core.RequestEvent) error {
	c, err := x.call(e.Request.PathValue("call"))
	if err != nil {
		return err
	}
	form, files, err := decodeForm(e)
	if err != nil {
		return err
	}
	key := formKey(form.Get("key"))
	again := func(status int, key string, ps content.Problems) error {
		return x.form(e, status, c, key, base.View{Form: form, Problems: ps})
	}
	if err := running(c, x.Platform.Now()); err != nil {
		// Nothing typed may be lost: the page shows it once more and says why.
		return again(http.StatusConflict, key, content.Problems{{Field: "title", Code: "idea_call_over"}})
	}
	districts, err := x.districts("")
	if err != nil {
		return err
	}
	wrong, err := x.takePicture(e, key, form, files)
	if err != nil {
		return err
	}
	if form.Has(base.FieldLanguage) { // the same form in another language
		return again(http.StatusOK, key, wrong)
	}
	if form.Has("karte.x") { // a click on the map, which is a button of the form
		clicked(form)
		return again(http.StatusOK, key, wrong)
	}
	s, ps := x.read(form, c, districts)
	if s.Picture, _, err = broughtPicture(x.Platform.App.DB(), key); err != nil {
		return err
	}
	if ps = append(ps, wrong...); len(ps) > 0 {
		return again(http.StatusUnprocessableEntity, key, ps)
	}
	person, err := x.admit(e, c, form)
	if errors.As(err, &ps) {
		return again(http.StatusUnprocessableEntity, key, ps)
	}
	if err != nil {
		return err
	}
	if !c.Named() {
		person = "" // a browser's token says nothing of how many ideas somebody has sent
	}
	if !x.Platform.Exempt(e) {
		if _, wait := x.sending.Take(base.Network(e.RealIP()), x.Platform.Now()); wait > 0 {
			e.Response.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			return again(http.StatusTooManyRequests, key, content.Problems{{Field: "title", Code: "idea_too_many"}})
		}
	}
	token, fresh, err := x.take(c, base.Lang(e.Request), key, person, s)
	if errors.As(err, &ps) {
		return again(http.StatusUnprocessableEntity, key, ps)
	}
	if err != nil {
		return err
	}
	if !fresh {
		return again(http.StatusUnprocessableEntity, base.NewToken(), content.Problems{{Field: "text", Code: "idea_sent_before"}})
	}
	e.SetCookie(x.cookie(mineCookie, token, mineLife))
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/meine-idee/?neu=1")
}

// formKey is the key in a form's hidden field, or a new one when it is missing
// or malformed.
func formKey(s string) string {
	if len(s) < 8 || len(s) > 255 || slices.ContainsFunc([]byte(s), func(b byte) bool { return b < '!' || b > '~' }) {
		return base.NewToken()
	}
	return s
}

var linkLetters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// link derives the token of the author's private link, 160 bits, from the key of
// the form: a form that comes twice gives the same link.
func (x *Ideas) link(key string) string {
	mac := hmac.New(sha256.New, x.links)
	mac.Write([]byte(key))
	return linkLetters.EncodeToString(mac.Sum(nil)[:20])
}

func linkHash(token string) string { return base.Hash("idea link", strings.ToLower(token)) }

// take stores an idea, its contact and the mail with the private link. A form
// that comes a second time stores nothing and gives the same token; fresh is
// false when it came with another content. person, in calls that know one person
// from another, may send [perPerson] ideas.
func (x *Ideas) take(c content.Call, lang, key, person string, s sent) (token string, fresh bool, err error) {
	token = x.link(key)
	raw, err := json.Marshal(s)
	if err != nil {
		return "", false, err
	}
	fingerprint := base.Hash(c.Slug, string(raw))
	fresh = true
	err = x.Platform.App.RunInTransaction(func(tx core.App) error {
		_, twin, err := base.Recall(tx, "idea", base.Hash("idea", key), fingerprint)
		if isRefusal(err, "key_reused") {
			fresh = false
			return nil
		}
		if err != nil || twin {
			return err
		}
		if person != "" {
			if err := x.countSender(tx, c.Slug, person); err != nil {
				return err
			}
		}
		number, err := insert(tx, &Idea{
			Call: c.Slug, Rev: 1, State: stateNew, Title: s.Title, Text: s.Text, Language: lang, Topic: s.Topic, District: s.District,
			Place: s.Place, Lat: s.Lat, Lon: s.Lon, Name: s.Name, Status: content.IdeaStatuses[0], Sent: x.Platform.Now().UnixMilli(),
		}, linkHash(token))
		if err != nil {
			return err
		}
		if err := attach(tx, number, key, s.Alt); err != nil {
			return err
		}
		if s.Email != "" {
			_, err := tx.DB().NewQuery(`INSERT INTO idea_contacts (idea, email, language) VALUES ({:idea}, {:email}, {:lang})`).
				Bind(dbx.Params{"idea": number, "email": s.Email, "lang": lang}).Execute()
			if err != nil {
				return err
			}
			if err := x.mailLink(tx, number, s, lang, token); err != nil {
				return err
			}
		}
		return base.Remember(tx, x.Platform.Now(), "idea", base.Hash("idea", key), fingerprint, base.Remembered{Status: http.StatusSeeOther})
	})
	if err == nil {
		x.Platform.WakeOrders()
	}
	return token, fresh, err
}

// perPerson is how many ideas one person may send to a call; the table's CHECK
// says the same.
const perPerson = 10

// countSender counts an idea of a person, under a pseudonym that has nothing in
// common with those of votes, nor with the idea.
func (x *Ideas) countSender(tx core.App, call, person string) error {
	res, err := tx.DB().NewQuery(`INSERT INTO idea_senders (call, sender, ideas) VALUES ({:call}, {:sender}, 1)
		ON CONFLICT DO UPDATE SET ideas = ideas + 1 WHERE ideas < {:most}`).
		Bind(dbx.Params{"call": call, "sender": x.person(call, "send", person), "most": perPerson}).Execute()
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return content.Problems{{Field: "title", Code: "idea_enough", Args: map[string]any{"max": perPerson}}}
	}
	return err
}

// clicked turns a click on the map into the point, and the district when nobody
// has chosen one.
func clicked(form url.Values) {
	x, err := strconv.ParseFloat(form.Get("karte.x"), 64)
	y, err2 := strconv.ParseFloat(form.Get("karte.y"), 64)
	at, ok := citymap.At(x, y)
	if err != nil || err2 != nil || !ok {
		return
	}
	form.Set("point", at.String())
	if d, ok := citymap.DistrictAt(at); ok && form.Get("district") == "" {
		form.Set("district", d.Slug)
	}
}

// marker is where the point of a form lies on the map, "" for both outside of it.
// It is drawn over the picture: what somebody chose never becomes part of an address.
func marker(point string) map[string]string {
	var ps content.Problems
	lat, lon := checkPoint(&ps, point)
	if lat == 0 || len(ps) > 0 {
		return nil
	}
	x, y := citymap.XY(citymap.Place{Latitude: lat, Longitude: lon})
	if x < 0 || y < 0 || x > citymap.Width || y > citymap.Height {
		return nil
	}
	return map[string]string{"X": strconv.FormatFloat(x, 'f', 1, 64), "Y": strconv.FormatFloat(y, 'f', 1, 64)}
}

// insert stores a new idea with its first event and returns its number.
func insert(tx core.App, i *Idea, secret string) (int64, error) {
	res, err := tx.DB().NewQuery(`INSERT INTO ideas (call, slug, rev, state, title, text, language, topic, district, place, lat, lon, name,
			status, secret_hash, sent, released)
		VALUES ({:call}, {:slug}, {:rev}, {:state}, {:title}, {:text}, {:language}, {:topic}, {:district}, {:place}, {:lat}, {:lon}, {:name},
			{:status}, {:secret}, {:sent}, NULLIF({:released}, 0))`).Bind(dbx.Params{
		"call": i.Call, "slug": i.Slug, "rev": i.Rev, "state": i.State, "title": i.Title, "text": i.Text, "language": i.Language, "topic": i.Topic,
		"district": i.District, "place": i.Place, "lat": i.Lat, "lon": i.Lon, "name": i.Name, "status": i.Status,
		"secret": secret, "sent": i.Sent, "released": i.Released,
	}).Execute()
	if err != nil {
		return 0, err
	}
	number, err := res.LastInsertId()
	if err != nil {
		return 0, err
	}
	return number, putEvent(tx, number, Event{N: i.Rev, At: i.Sent, Kind: didSend})
}
