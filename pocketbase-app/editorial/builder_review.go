package editorial

import "github.com/pocketbase/dbx"

// openComments is how many comments on a survey nobody has ticked off.
func (d *Editorial) openComments(slug string) (n int, err error) {
	err = d.p.App.DB().NewQuery(`SELECT count(*) FROM survey_comments WHERE survey = {:survey} AND done = 0`).Bind(dbx.Params{"survey": slug}).Row(&n)
	return n, err
}
