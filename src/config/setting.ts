/**
 * What a configuration file may hold, as data: each setting has its kind, its documentation and its default, and a file
 * is a tree of them. The type of a file is inferred from the tree; checking, showing and documenting walk it.
 */
import type { BrokerSettingName } from '../log/broker/broker-config.ts'

interface About {
  /** What it means, in a sentence or two. */
  readonly doc: string
  /** What it is without being set, in words, where no default says it. */
  readonly unset?: string
  readonly required?: boolean
}

export interface TextSetting extends About {
  readonly kind: 'text'
  readonly default?: string
  /** Never shown. */
  readonly secret?: boolean
  /** A path, relative to the folder of the file. PEM text may stand in for the path of a PEM file. */
  readonly path?: 'file' | 'pem'
}

export interface ChoiceSetting<Word extends string = string> extends About {
  readonly kind: 'choice'
  readonly oneOf: readonly Word[]
  readonly default?: NoInfer<Word>
}

export interface NumberSetting extends About {
  readonly kind: 'number'
  readonly default?: number
  readonly min: number
  readonly max?: number
}

export interface FlagSetting extends About {
  readonly kind: 'flag'
  readonly default?: boolean
}

/** `HOST:PORT`. */
export interface AddressSetting<OrFalse extends boolean = boolean> extends About {
  readonly kind: 'address'
  readonly default?: string
  /** Whether `false` may be said, for none at all. */
  readonly orFalse: OrFalse
}

export interface ListSetting<Of extends Setting = Setting> extends About {
  readonly kind: 'list'
  readonly of: Of
}

/** Names that the user chooses, each with a setting of the same kind. */
export interface RecordSetting<Of extends Setting = Setting> extends About {
  readonly kind: 'record'
  /** What the names are: `user`. */
  readonly nameOf: string
  readonly of: Of
}

export interface GroupSetting<Fields extends SettingFields = SettingFields> extends About {
  readonly kind: 'group'
  readonly fields: Fields
}

/** Kafka's broker settings by their own names. */
export interface BrokerSettings extends About {
  readonly kind: 'broker'
}

export type Setting =
  | TextSetting
  | ChoiceSetting
  | NumberSetting
  | FlagSetting
  | AddressSetting
  | ListSetting
  | RecordSetting
  | GroupSetting
  | BrokerSettings

export interface SettingFields {
  readonly [name: string]: Setting
}

/** What a setting's value is in a file. */
export type ValueOf<S> =
  S extends ChoiceSetting<infer Word>
    ? Word
    : S extends TextSetting
      ? string
      : S extends NumberSetting
        ? number
        : S extends FlagSetting
          ? boolean
          : S extends AddressSetting<infer OrFalse>
            ? string | (OrFalse extends true ? false : never)
            : S extends ListSetting<infer Of>
              ? readonly ValueOf<Of>[]
              : S extends RecordSetting<infer Of>
                ? Readonly<Record<string, ValueOf<Of>>>
                : S extends GroupSetting<infer Fields>
                  ? ValuesOf<Fields>
                  : S extends BrokerSettings
                    ? { readonly [Name in BrokerSettingName]?: string | number | boolean }
                    : never

type RequiredNames<Fields> = {
  [Name in keyof Fields]: Fields[Name] extends { readonly required: true } ? Name : never
}[keyof Fields]

export type ValuesOf<Fields> = {
  readonly [Name in RequiredNames<Fields>]: ValueOf<Fields[Name]>
} & { readonly [Name in Exclude<keyof Fields, RequiredNames<Fields>>]?: ValueOf<Fields[Name]> }
