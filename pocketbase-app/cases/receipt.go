package cases

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/pocketbase/core"
)

// The cookie that carries a receipt from the form to the page that shows it:
// encrypted, because it holds the secret, and gone once shown.
const (
	receiptCookie = "anliegen_neu"
	receiptLife   = 10 * time.Minute
)

func newSeal(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // keys have 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

type sealedReceipt struct {
	Receipt
	Until int64 `json:"until"`
}

func (c *Cases) seal(r Receipt) (string, error) {
	b, err := json.Marshal(sealedReceipt{r, c.Platform.Now().Add(receiptLife).UnixMilli()})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(c.sealed.Seal(nil, nil, b, []byte(receiptCookie))), nil
}

func (c *Cases) unseal(s string) (Receipt, error) {
	var r sealedReceipt
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return r.Receipt, err
	}
	if b, err = c.sealed.Open(nil, nil, b, []byte(receiptCookie)); err != nil {
		return r.Receipt, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r.Receipt, err
	}
	if c.Platform.Now().UnixMilli() > r.Until {
		return Receipt{}, errors.New("receipt cookie is too old")
	}
	return r.Receipt, nil
}

// hand sends the citizen to the page that shows reference and secret once.
func (c *Cases) hand(e *core.RequestEvent, r Receipt) error {
	sealed, err := c.seal(r)
	if err != nil {
		return err
	}
	e.SetCookie(c.cookie(receiptCookie, sealed, receiptLife))
	return e.Redirect(http.StatusSeeOther, base.Prefix(base.Lang(e.Request))+"/anliegen/neu/")
}

func (c *Cases) showReceipt(e *core.RequestEvent) error {
	lang := base.Lang(e.Request)
	if kept, err := e.Request.Cookie(receiptCookie); err == nil {
		e.SetCookie(c.cookie(receiptCookie, "", 0))
		if r, err := c.unseal(kept.Value); err == nil {
			v := base.View{Title: c.Platform.Words.In(lang, "case.receipt.title")}
			v.Data = map[string]any{"Receipt": r, "Address": c.Platform.Origin + base.Prefix(lang) + "/anliegen/"}
			return c.Platform.Show(e, http.StatusOK, pages, "receipt", v)
		}
	}
	v := base.View{Title: c.Platform.Words.In(lang, "case.receipt.gone_title"), Data: map[string]any{}}
	return c.Platform.Show(e, http.StatusGone, pages, "receipt", v)
}
