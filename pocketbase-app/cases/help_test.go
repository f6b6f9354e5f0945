package cases

import (
	"time"

	"servicepoint/pocketbase-app/base/basetest"
)

func fixedNow() time.Time { return basetest.Start }
func laterNow() time.Time { return basetest.Start.Add(receiptLife + time.Second) }
