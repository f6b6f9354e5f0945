package ideas

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/content/survey"
	"servicepoint/pocketbase-app/base"
	"servicepoint/pocketbase-app/base/gate"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// voterCookie remembers a browser that voted in an open call.
const (
	voterCookie = "ideen"
	voterLife   = 180 * 24 * time.Hour
)

// pseudonyms gives every idea a permutation of its own over 16-byte names of
// persons. Without the key the names of one person on two ideas have nothing in
// common; with it a vote can follow its idea into another one (see
// [Ideas.moveVotes]) and still count once.
func pseudonyms(key []byte) func(idea int64) cipher.Block {
	return func(idea int64) cipher.Block {
		k, err := hkdf.Expand(sha256.New, key, "idea "+strconv.FormatInt(idea, 10), 32)
		if err != nil {
			panic(err) // only for absurd lengths
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			panic(err)
		}
		return block
	}
}

// person is the 16-byte name of who takes part in a call. pass is a secret that
// only that person holds (the cookie's token, a code) and is stored nowhere.
func (x *Ideas) person(call, purpose, pass string) []byte {
	mac := hmac.New(sha256.New, x.persons)
	mac.Write([]byte(base.Hash(call, purpose, pass)))
	return mac.Sum(nil)[:aes.BlockSize]
}

func (x *Ideas) voter(call string, idea int64, pass string) []byte {
	name := make([]byte, aes.BlockSize)
	x.voters(idea).Encrypt(name, x.person(call, "vote", pass))
	return name
}

// vote casts or takes back the vote of a pass for an idea. Both may be repeated
// without effect: the primary key lets every person vote once, whatever comes
// at the same time, and a trigger keeps the count.
func (x *Ideas) vote(i *Idea, pass string, cast bool) error {
	if !cast {
		return x.Platform.App.RunInTransaction(func(tx core.App) error { return x.takeBack(tx, i, pass) })
	}
	sql := `INSERT INTO idea_votes (idea, voter) SELECT number, {:voter} FROM ideas WHERE number = {:idea} AND state = 'released'
		ON CONFLICT DO NOTHING`
	_, err := x.Platform.App.NonconcurrentDB().NewQuery(sql).
		Bind(dbx.Params{"idea": i.Number, "voter": x.voter(i.Call, i.Number, pass)}).Execute()
	return err
}

// takeBack also takes back what the pass gave to ideas that went into this one:
// it shall not come back when they part.
func (x *Ideas) takeBack(tx core.App, i *Idea, pass string) error {
	var merged []int64
	if err := tx.DB().NewQuery(`SELECT number FROM ideas WHERE into_idea = {:idea}`).Bind(dbx.Params{"idea": i.Number}).Column(&merged); err != nil {
		return err
	}
	for _, number := range append(merged, i.Number) {
		for _, table := range []string{"idea_votes", "idea_kept_votes"} {
			_, err := tx.DB().NewQuery(`DELETE FROM ` + table + ` WHERE idea = {:idea} AND voter = {:voter}`).
				Bind(dbx.Params{"idea": number, "voter": x.voter(i.Call, number, pass)}).Execute()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *Ideas) voted(i *Idea, pass string) (bool, error) {
	if pass == "" {
		return false, nil
	}
	var n int
	err := x.Platform.App.DB().NewQuery(`SELECT COUNT(*) FROM idea_votes WHERE idea = {:idea} AND voter = {:voter}`).
		Bind(dbx.Params{"idea": i.Number, "voter": x.voter(i.Call, i.Number, pass)}).Row(&n)
	return n > 0, err
}

// moveVotes gives the votes of one idea to another: who supported both counts once.
// Those of the first are kept beside, so that [Ideas.partVotes] can bring them back.
func (x *Ideas) moveVotes(tx core.App, from, to int64) error {
	var voters [][]byte
	if err := tx.DB().NewQuery(`SELECT voter FROM idea_votes WHERE idea = {:idea}`).Bind(dbx.Params{"idea": from}).Column(&voters); err != nil {
		return err
	}
	old, next := x.voters(from), x.voters(to)
	for _, was := range voters {
		v := make([]byte, aes.BlockSize)
		old.Decrypt(v, was)
		next.Encrypt(v, v)
		res, err := tx.DB().NewQuery(`INSERT INTO idea_votes (idea, voter) VALUES ({:idea}, {:voter}) ON CONFLICT DO NOTHING`).
			Bind(dbx.Params{"idea": to, "voter": v}).Execute()
		if err != nil {
			return err
		}
		lone, err := res.RowsAffected()
		if err != nil {
			return err
		}
		_, err = tx.DB().NewQuery(`INSERT INTO idea_kept_votes (idea, voter, lone) VALUES ({:idea}, {:voter}, {:lone})`).
			Bind(dbx.Params{"idea": from, "voter": was, "lone": lone}).Execute()
		if err != nil {
			return err
		}
	}
	return dropVotes(tx, from)
}

// partVotes gives an idea back the votes that it brought into another one. Who had
// supported that one too, or another idea that went into it, stays there.
func (x *Ideas) partVotes(tx core.App, number, from int64) error {
	var kept []struct {
		Voter []byte `db:"voter"`
		Lone  bool   `db:"lone"`
	}
	db := tx.DB()
	if err := db.NewQuery(`SELECT voter, lone FROM idea_kept_votes WHERE idea = {:idea}`).Bind(dbx.Params{"idea": number}).All(&kept); err != nil {
		return err
	}
	var others []int64
	err := db.NewQuery(`SELECT number FROM ideas WHERE went_into = {:from} AND number <> {:idea}`).Bind(dbx.Params{"from": from, "idea": number}).Column(&others)
	if err != nil {
		return err
	}
	own := x.voters(number)
	person, name := make([]byte, aes.BlockSize), make([]byte, aes.BlockSize)
	for _, k := range kept {
		stays := !k.Lone
		own.Decrypt(person, k.Voter)
		for _, other := range others {
			if stays {
				break
			}
			x.voters(other).Encrypt(name, person)
			res, err := db.NewQuery(`UPDATE idea_kept_votes SET lone = 1 WHERE idea = {:idea} AND voter = {:voter}`).Bind(dbx.Params{"idea": other, "voter": name}).Execute()
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			stays = n > 0
		}
		if !stays {
			x.voters(from).Encrypt(name, person)
			if _, err := db.NewQuery(`DELETE FROM idea_votes WHERE idea = {:idea} AND voter = {:voter}`).Bind(dbx.Params{"idea": from, "voter": name}).Execute(); err != nil {
				return err
			}
		}
		if _, err := db.NewQuery(`INSERT INTO idea_votes (idea, voter) VALUES ({:idea}, {:voter})`).Bind(dbx.Params{"idea": number, "voter": k.Voter}).Execute(); err != nil {
			return err
		}
	}
	_, err = db.NewQuery(`DELETE FROM idea_kept_votes WHERE idea = {:idea}`).Bind(dbx.Params{"idea": number}).Execute()
	return err
}

func dropVotes(tx core.App, idea int64) error {
	_, err := tx.DB().NewQuery(`DELETE FROM idea_votes WHERE idea = {:idea}`).Bind(dbx.Params{"idea": idea}).Execute()
	return err
}

// released finds the released idea of an address; of a merged one it gives the
// survivor. [base.ErrNotFound] for everything else.
func (x *Ideas) released(e *core.RequestEvent) (content.Call, *Idea, error) {
	c, err := x.call(e.Request.PathValue("call"))
	if err != nil {
		return c, nil, err
	}
	head, _, _ := strings.Cut(e.Request.PathValue("idea"), "-")
	number, err := strconv.ParseInt(head, 10, 64)
	if err != nil || number < 1 {
		return c, nil, base.ErrNotFound
	}
	i, err := find(x.Platform.App.DB(), number)
	if err == nil && i.State == stateMerged {
		i, err = find(x.Platform.App.DB(), i.Into)
	}
	if err == nil && (i.Call != c.Slug || i.State != stateReleased) {
		err = base.ErrNotFound
	}
	return c, i, err
}

// scope is what the gate knows a call by.
func scope(c content.Call) string { return "ideen/" + c.Slug }

// carried is what tells this visitor from others, "" when nothing does yet: in an
// open call the token of the browser's cookie, else a key of the pass that was
// shown at the gate.
func (x *Ideas) carried(e *core.RequestEvent, c content.Call) string {
	switch {
	case !gate.Needs(c.Access):
		kept, err := e.Request.Cookie(voterCookie)
		if err != nil || len(kept.Value) != 32 {
			return ""
		}
		return kept.Value
	case c.Access == survey.AccessAccount: // counts as long as one is signed in
		if id := x.gate.Citizens(e); id != "" {
			return x.gate.Key(x.gate.Citizen(scope(c), id), "ideas")
		}
		return ""
	}
	p, ok := x.gate.Carried(e.Request, scope(c))
	if !ok || p.Access != c.Access {
		return ""
	}
	return x.gate.Key(p, "ideas")
}

// admit is [Ideas.carried] for somebody who acts now: who shows something at the
// gate for the first time gets it into the browser. A proof of work is used up
// by it and lets one browser in; a named pass stays good for the whole call,
// because every person may send several ideas and vote for many, but for each
// one once. What is wrong comes as content.Problems at the gate's fields.
func (x *Ideas) admit(e *core.RequestEvent, c content.Call, form url.Values) (string, error) {
	if held := x.carried(e, c); held != "" {
		return held, nil
	}
	if !gate.Needs(c.Access) {
		token := base.NewToken()
		e.SetCookie(x.cookie(voterCookie, token, voterLife))
		return token, nil
	}
	p, err := x.gate.Admit(e, scope(c), c.Access, form)
	if err != nil {
		return "", err
	}
	if !p.Named() {
		err := x.Platform.App.RunInTransaction(func(tx core.App) error { return p.Redeem(gate.In(tx), scope(c), nil) })
		if errors.Is(err, gate.ErrUsed) {
			return "", content.Problems{{Field: gate.FieldProof, Code: "proof_used"}}
		}
		if err != nil {
			return "", err
		}
	}
	x.gate.Carry(e, scope(c), p)
	return x.gate.Key(p, "ideas"), nil
}

// gateFields is the gate's part of a form, nothing for who is let in already.
func (x *Ideas) gateFields(e *core.RequestEvent, c content.Call, form url.Values, ps content.Problems) (template.HTML, error) {
	if x.carried(e, c) != "" {
		return "", nil
	}
	return x.gate.Fields(e, scope(c), c.Access, form, ps)
}

func (x *Ideas) showVote(e *core.RequestEvent) error {
	c, i, err := x.released(e)
	if err != nil {
		return err
	}
	return x.votePage(e, http.StatusOK, c, i, nil, nil)
}

func (x *Ideas) votePage(e *core.RequestEvent, status int, c content.Call, i *Idea, form url.Values, problems content.Problems) error {
	voted, err := x.voted(i, x.carried(e, c))
	if err != nil {
		return err
	}
	fields, err := x.gateFields(e, c, form, problems)
	if err != nil {
		return err
	}
	lang := base.Lang(e.Request)
	notice := map[string]string{"danke": "idea.vote.thanks", "weg": "idea.vote.gone"}[e.Request.URL.Query().Get("meldung")]
	data := map[string]any{
		"Idea": i, "Voted": voted, "Open": c.OpenAt(x.Platform.Now()), "Back": i.address(), "Notice": notice, "Lang": "",
		"Action": strings.TrimSuffix(i.address(), "/") + "/unterstuetzen/", "Votes": x.votesInWords(lang, i.Votes), "Named": c.Named(), "Gate": fields,
	}
	if i.Language != lang {
		data["Lang"] = content.Locale(i.Language)
	}
	return x.Platform.Show(e, status, pages, "vote", base.View{Title: x.word(lang, "idea.vote.title", "title", i.Title), Data: data, Problems: problems})
}

func (x *Ideas) votesInWords(lang string, n int) string {
	if n == 1 {
		return x.word(lang, "idea.votes_one")
	}
	return x.word(lang, "idea.votes", "n", n)
}

func (x *Ideas) takeVote(e *core.RequestEvent) error {
	form, err := base.DecodeForm(e.Response, e.Request)
	if err != nil {
		return err
	}
	c, i, err := x.released(e)
	if err != nil {
		return err
	}
	if err := running(c, x.Platform.Now()); err != nil {
		return err
	}
	cast := form.Get("aktion") != "zuruecknehmen"
	if cast && !x.Platform.Exempt(e) {
		if _, wait := x.voting.Take(base.Network(e.RealIP()), x.Platform.Now()); wait > 0 {
			e.Response.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
			return x.votePage(e, http.StatusTooManyRequests, c, i, form, content.Problems{{Field: "vote", Code: "idea_too_many_votes"}})
		}
	}
	held := x.carried(e, c)
	if cast {
		held, err = x.admit(e, c, form)
		var ps content.Problems
		if errors.As(err, &ps) {
			return x.votePage(e, http.StatusUnprocessableEntity, c, i, form, ps)
		}
		if err != nil {
			return err
		}
	}
	if held != "" {
		if err := x.vote(i, held, cast); err != nil {
			return err
		}
	}
	said := "weg"
	if cast {
		said = "danke"
	}
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+strings.TrimSuffix(i.address(), "/")+"/unterstuetzen/?meldung="+said)
}
