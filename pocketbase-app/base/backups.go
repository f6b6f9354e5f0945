package base

import "github.com/pocketbase/pocketbase/core"

// KeepOutOfBackups leaves files and folders of the data directory out of
// PocketBase's backups, names relative to it. A restore leaves them as they are.
func KeepOutOfBackups(app core.App, names ...string) {
	exclude := func(e *core.BackupEvent) error {
		e.Exclude = append(e.Exclude, names...)
		return e.Next()
	}
	app.OnBackupCreate().BindFunc(exclude)
	app.OnBackupRestore().BindFunc(exclude)
}
