/**
 * Other people's tools, as Debian has them: restic, borg, duplicity, rdiff-backup.
 */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openRepository } from './repository.ts'
import { versionOf, type Tool } from './tool.ts'

const PASSPHRASE = 'bench'

export const restic: Tool = {
  name: 'restic',
  how: 'repository version 2 on the local disk, default compression, cache warm',
  isOnce: false,
  version: () => versionOf('restic', 'version'),
  async open({ source, folder }) {
    const repository = join(folder, 'repository')
    const env = {
      RESTIC_REPOSITORY: repository,
      RESTIC_PASSWORD: PASSPHRASE,
      RESTIC_CACHE_DIR: join(folder, 'cache'),
    }
    const command = (...args: string[]) => ({ program: 'restic', args: ['--quiet', ...args], env })
    return openRepository({
      repository,
      init: command('init', '--repository-version', '2'),
      backup: () => command('backup', source),
      restore: (target) => command('restore', 'latest', '--target', target),
      rootIn: (target) => join(target, source),
      counts: (path) => !path.startsWith('locks/'),
    })
  },
}

export const borg: Tool = {
  name: 'borg',
  how: 'repokey-blake2, zstd,3',
  isOnce: false,
  version: () => versionOf('borg', '--version'),
  async open({ source, folder }) {
    const repository = join(folder, 'repository')
    const env = {
      BORG_REPO: repository,
      BORG_PASSPHRASE: PASSPHRASE,
      BORG_BASE_DIR: join(folder, 'base'),
    }
    mkdirSync(env.BORG_BASE_DIR)
    const command = (...args: string[]) => ({ program: 'borg', args, env })
    let last = 0
    return openRepository({
      repository,
      init: command('init', '--encryption', 'repokey-blake2'),
      backup: (number) => {
        last = number
        return command('create', '--compression', 'zstd,3', `::day-${number}`, source)
      },
      restore: (target) => ({ ...command('extract', `::day-${last}`), cwd: target }),
      rootIn: (target) => join(target, source),
      // Made again from the segments; not part of what must be kept elsewhere.
      counts: (path) => !/^(hints|index|integrity|lock)/.test(path),
    })
  },
}

export const duplicity: Tool = {
  name: 'duplicity',
  how: 'gpg, symmetric; full, then incremental',
  isOnce: true,
  version: () => versionOf('duplicity', '--version'),
  async open({ source, folder }) {
    const repository = join(folder, 'repository')
    const env = { PASSPHRASE, GNUPGHOME: join(folder, 'gnupg'), TMPDIR: folder }
    mkdirSync(env.GNUPGHOME, { mode: 0o700 })
    const command = (...args: string[]) => ({
      program: 'duplicity',
      args: [...args, '--archive-dir', join(folder, 'archive'), '--verbosity', 'error'],
      env,
    })
    return openRepository({
      repository,
      backup: () => command(source, `file://${repository}`),
      restore: (target) => command('restore', `file://${repository}`, join(target, 'back')),
      rootIn: (target) => join(target, 'back'),
      pauseMs: 1100,
    })
  },
}

export const rdiffBackup: Tool = {
  name: 'rdiff-backup',
  how: 'plain mirror and reverse increments; unencrypted',
  isOnce: true,
  version: () => versionOf('rdiff-backup', '--version'),
  async open({ source, folder }) {
    const repository = join(folder, 'repository')
    const command = (...args: string[]) => ({ program: 'rdiff-backup', args })
    return openRepository({
      repository,
      backup: () => command(source, repository),
      // The newer form of this command fails for root in Debian's version.
      restore: (target) => command('--force', '-r', 'now', repository, join(target, 'back')),
      rootIn: (target) => join(target, 'back'),
      pauseMs: 1100,
    })
  },
}
