package planning

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"servicepoint/pocketbase-app/base"

	"github.com/pocketbase/dbx"
)

// commandLine stands in place of a member of staff who made an export by the command
// line of a stopped instance: whoever can do that is known to the machine only.
const commandLine = "command-line"

// CommandExport is an export by the command line.
type CommandExport struct {
	Survey  string
	Out     string // the file; only the last part of its path is kept
	Profile Profile
	Purpose string
}

// LogCommand notes that an export by the command line begins, so that it stands among
// those of the pages, and gives the function that notes how it ended: with the number
// of responses, or with rows < 0 when there is no file. The instance must be stopped;
// an export that was killed is closed by whatever comes next.
func LogCommand(ctx context.Context, db dbx.Builder, e CommandExport, now time.Time) (end func(rows int, cancelled bool, at time.Time) error, err error) {
	stored, err := json.Marshal(e.Profile)
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(base.NewToken())
	if _, err := db.NewQuery(`UPDATE export_files SET state = 'failed', finished = {:now} WHERE state = 'building'`).
		Bind(dbx.Params{"now": now.UnixMilli()}).WithContext(ctx).Execute(); err != nil {
		return nil, err
	}
	if _, err := db.NewQuery(`INSERT INTO export_files (id, survey, format, name, state, created, created_by, expires, profile, reason)
		VALUES ({:id}, {:survey}, {:format}, {:name}, 'building', {:now}, {:by}, {:now}, {:profile}, {:reason})`).Bind(dbx.Params{
		"id": id, "survey": e.Survey, "format": strings.TrimPrefix(filepath.Ext(e.Out), "."), "name": filepath.Base(e.Out),
		"now": now.UnixMilli(), "by": commandLine, "profile": string(stored), "reason": e.Purpose,
	}).WithContext(ctx).Execute(); err != nil {
		return nil, err
	}
	return func(rows int, cancelled bool, at time.Time) error {
		var size int64
		var digest string
		state := "expired" // there is nothing that could be fetched from the server
		switch {
		case cancelled:
			state = "cancelled"
		case rows < 0:
			state = "failed"
		default:
			var err error
			if size, digest, err = measure(e.Out); err != nil {
				return err
			}
		}
		_, err := db.NewQuery(`UPDATE export_files SET state = {:state}, rows = {:rows}, bytes = {:bytes}, sha256 = {:sha256}, finished = {:at} WHERE id = {:id}`).Bind(dbx.Params{
			"id": id, "state": state, "rows": max(rows, 0), "bytes": size, "sha256": digest, "at": at.UnixMilli(),
		}).WithContext(context.WithoutCancel(ctx)).Execute()
		return err
	}, nil
}
